/* The C interface of rust/: chat templates (Jinja2 as Hugging Face's transformers sets it up, through minijinja).
 *
 * Templates and their variables are untrusted: a panic inside is caught; steps, memory, output, the source's length and
 * recursion are limited, so a call returns, with a text or an error. Does not cover what minijinja 3.1 does not count:
 * showing a namespace that contains itself overflows the stack; comparing or joining (+) lists that double some thirty
 * times over takes time and memory without end.
 *
 * Texts that a call returns belong to the caller, who frees them with hob_text_free. A compiled template may be rendered
 * from several threads at once. Each call runs on a thread of its own (stack: 512 MiB of address space). */
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

/* Writes the present time in strftime's `format` (not terminated) to `out` and returns the length, 0 if it does not fit. */
typedef size_t (*hob_strftime_now)(void* context, const char* format, size_t format_size, char* out, size_t out_size);

/* `variables` is a JSON object. True: `out` is the rendered text; false: a one-line error with the template's line. */
bool hob_template_render(const hob_template* compiled, const char* variables, size_t variables_size,
                         hob_render_limits limits, hob_strftime_now strftime_now, void* context, hob_text* out);

#ifdef __cplusplus
}
#endif
#endif
