/* The C interface of rust/: chat templates (Jinja2 as Hugging Face's transformers sets it up,
 * through minijinja), and constrained decoding (JSON schemas, regular expressions and grammars,
 * through llguidance).
 *
 * Templates and their variables are untrusted: a panic inside is caught; steps, memory, output, the
 * source's length and recursion are limited, so a call returns, with a text or an error. Does not
 * cover what minijinja 3.1 does not count: showing a namespace that contains itself overflows the
 * stack; comparing or joining (+) lists that double some thirty times over takes time and memory
 * without end.
 *
 * Texts that a call returns belong to the caller, who frees them with hob_text_free. A compiled
 * template may be rendered from several threads at once. Compiling and rendering run on a thread of
 * their own (stack: 512 MiB of address space).
 *
 * Schemas and grammars are untrusted too: their length, what compiling may cost, what a mask may
 * cost and the size of the automaton are limited, and what passes a limit is an error. */
#ifndef HOB_RUST_H_
#define HOB_RUST_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hob_template hob_template;

/* UTF-8, not terminated. */
typedef struct hob_text {
  char* data;
  size_t size;
} hob_text;
void hob_text_free(hob_text text);

/* Null, and a one-line error, when the source is not UTF-8 or not a template. */
hob_template* hob_template_compile(const char* source, size_t source_size, hob_text* error);
void hob_template_free(hob_template* compiled);

typedef struct hob_render_limits {
  uint64_t fuel; /* steps; 64 bytes made or read cost one too, so this bounds memory as well */
  size_t output_bytes;
} hob_render_limits;

/* Writes the present time in strftime's `format` (not terminated) to `out` and returns the length,
 * 0 if it does not fit. */
typedef size_t (*hob_strftime_now)(void* context, const char* format, size_t format_size, char* out,
                                   size_t out_size);

/* `variables` is a JSON object. True: `out` is the rendered text; false: a one-line error with the
 * template's line. */
bool hob_template_render(const hob_template* compiled, const char* variables, size_t variables_size,
                         hob_render_limits limits, hob_strftime_now strftime_now, void* context,
                         hob_text* out);

/* The text of a page of any bytes. `options` is a JSON object with the arrays "selectors" (none: the
 * whole page), "removes" and "keep_tags" and the booleans "minify", "first" and "all_attrs". True:
 * `out` is the text; false: a one-line error. Thread-safe. */
bool hob_html_strip(const char* html, size_t html_size, const char* options, size_t options_size,
                    hob_text* out);

/* What the constraints of one vocabulary share. May be used from several threads at once. */
typedef struct hob_token_table hob_token_table;

/* Writes the tokens of a text (not terminated) to `out` and returns their number, at most
 * `capacity`, which is the text's length. Called from whichever thread works on a constraint. */
typedef size_t (*hob_tokenize)(void* context, const char* text, size_t size, uint32_t* out,
                               size_t capacity);

/* Token i is the bytes from ends[i - 1] (0 for the first) to ends[i]; one without bytes is never
 * allowed, but for those of `end_tokens`, which end a reply. `context` must live as long as the
 * table. Null, and an error, where there is no such. */
hob_token_table* hob_token_table_new(const char* bytes, const uint32_t* ends, size_t count,
                                     const uint32_t* end_tokens, size_t end_token_count,
                                     hob_tokenize tokenize, void* context, hob_text* error);
/* Not before its constraints. */
void hob_token_table_free(hob_token_table* table);

typedef enum hob_constraint_kind {
  HOB_JSON_SCHEMA,
  HOB_REGEX,
  HOB_GRAMMAR /* Lark as llguidance has it, or GBNF */
} hob_constraint_kind;

/* Follows one reply, from its beginning. Not thread-safe. */
typedef struct hob_constraint hob_constraint;
/* Null, and a one-line error, when the source is wrong or cannot be enforced. */
hob_constraint* hob_constraint_compile(const hob_token_table* table, hob_constraint_kind kind,
                                       const char* source, size_t source_size, hob_text* error);
void hob_constraint_free(hob_constraint* constraint);

/* Sets bit i % 32 of bits[i / 32] where token i may come next, and clears all others. Text that
 * must come is allowed in one way only, as hob_tokenize cuts it. False, and an error, where nothing
 * may come or finding out would pass a limit. */
bool hob_constraint_mask(hob_constraint* constraint, uint32_t* bits, size_t words, hob_text* error);
/* The reply's next token. False, and an error, where it may not come; nothing can follow then. */
bool hob_constraint_accept(hob_constraint* constraint, uint32_t token, hob_text* error);
/* Whether the reply so far is complete, and whether it is and nothing may follow. */
bool hob_constraint_may_end(hob_constraint* constraint);
bool hob_constraint_must_end(const hob_constraint* constraint);

#ifdef __cplusplus
}
#endif
#endif
