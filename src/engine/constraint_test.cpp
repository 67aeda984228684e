// Constraints by themselves: what each kind allows, what is refused and in which words, and hostile
// sources, which cost an error or a bounded time.
#include "engine/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace hob::engine {
namespace {

using ::testing::HasSubstr;

// One token per byte, one that ends replies, and one that is no text.
constexpr Token kEnd = 256;

std::shared_ptr<const TokenTable> byte_table() {
  static const std::shared_ptr<const TokenTable> table = [] {
    std::vector<std::string> bytes;
    for (int c = 0; c < 256; ++c) bytes.emplace_back(1, static_cast<char>(c));
    std::vector<std::string_view> views(bytes.begin(), bytes.end());
    views.emplace_back();
    views.emplace_back();
    const auto cut = [](std::string_view text) {
      std::vector<Token> tokens;
      for (const char c : text) tokens.push_back(static_cast<uint8_t>(c));
      return tokens;
    };
    return TokenTable::create(views, std::vector{kEnd}, cut).value();
  }();
  return table;
}

Result<Constraint> compile(ConstraintKind kind, std::string_view source) {
  return Constraint::compile(byte_table(), kind, source);
}

std::string refusal(ConstraintKind kind, std::string_view source) {
  const auto compiled = compile(kind, source);
  return compiled ? "" : compiled.error().message;
}

bool accepts(ConstraintKind kind, std::string_view source, std::string_view text) {
  auto constraint = compile(kind, source);
  EXPECT_TRUE(constraint) << source << ": " << constraint.error().message;
  if (!constraint) return false;
  for (const char c : text) {
    if (constraint->must_end()) return false;
    const auto mask = constraint->mask();
    const Token token = static_cast<uint8_t>(c);
    if (!mask || !(*mask)->allows(token) || !constraint->accept(token)) return false;
  }
  return constraint->may_end();
}

constexpr auto kSchema = ConstraintKind::kJsonSchema;
constexpr auto kRegex = ConstraintKind::kRegex;
constexpr auto kGrammar = ConstraintKind::kGrammar;

TEST(Constraint, MasksFollowTheText) {
  auto constraint = compile(kRegex, "ab?").value();
  const TokenMask* mask = constraint.mask().value();
  EXPECT_EQ(mask->at_most(1), std::vector<Token>{'a'});
  EXPECT_FALSE(constraint.may_end());
  ASSERT_TRUE(constraint.accept('a'));
  mask = constraint.mask().value();
  EXPECT_TRUE(mask->allows('b'));
  EXPECT_TRUE(mask->allows(kEnd));
  EXPECT_FALSE(mask->at_most(1).has_value());
  EXPECT_EQ(mask->at_most(2), (std::vector<Token>{'b', kEnd}));
  EXPECT_TRUE(constraint.may_end());
  EXPECT_FALSE(constraint.must_end());
  ASSERT_TRUE(constraint.accept('b'));
  EXPECT_TRUE(constraint.must_end());
  EXPECT_EQ(constraint.mask().value()->at_most(1), std::vector<Token>{kEnd});
}

TEST(Constraint, ATokenThatIsNotAllowedIsAnError) {
  auto constraint = compile(kRegex, "ab").value();
  EXPECT_FALSE(constraint.accept('b'));
  EXPECT_FALSE(constraint.mask());  // and nothing follows
  EXPECT_FALSE(constraint.may_end());
}

TEST(Constraint, SchemasOfUsualShape) {
  const char* person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},
          "required":["name","age"],"additionalProperties":false})";
  EXPECT_TRUE(accepts(kSchema, person, R"({"name":"Ada","age":36})"));
  EXPECT_TRUE(accepts(kSchema, person, "{\n  \"name\": \"Ad\\n\",\n  \"age\": -1\n}"));
  EXPECT_FALSE(accepts(kSchema, person, R"({"name":"Ada"})"));
  EXPECT_FALSE(accepts(kSchema, person, R"({"name":"Ada","age":3.5})"));
  EXPECT_FALSE(accepts(kSchema, person, R"({"name":"Ada","age":3,"x":1})"));
  EXPECT_FALSE(accepts(kSchema, person, R"({"name":"Ada","age":3} )"));
}

// What llguidance by itself would get wrong, each the smallest case.
TEST(Constraint, SchemasMeanWhatTheDraftSays) {
  EXPECT_FALSE(accepts(kSchema, R"({"format":"date"})", R"("2023-02-29")"));
  EXPECT_TRUE(accepts(kSchema, R"({"format":"date"})", R"("2024-02-29")"));
  EXPECT_FALSE(accepts(kSchema, R"({"format":"date"})", R"("1900-02-29")"));
  EXPECT_FALSE(accepts(kSchema, R"({"format":"date","pattern":"^2"})", R"("1999-01-01")"));
  EXPECT_FALSE(accepts(kSchema, R"({"format":"date","pattern":"^2","allOf":[{"pattern":"1$"}]})",
                       R"("2999-01-02")"));
  EXPECT_TRUE(accepts(kSchema, R"({"format":"ipv6"})", R"("::ffff:192.168.0.1")"));
  EXPECT_FALSE(accepts(kSchema, R"({"type":"string","pattern":"^.$"})", R"("\r")"));
  EXPECT_TRUE(accepts(kSchema, R"({"type":"string","pattern":"^[[a&&b]$"})", R"("[")"));
  EXPECT_TRUE(accepts(kSchema, R"({"type":"string","pattern":"^[\\w.-]+$"})", R"("a.-_9")"));
  EXPECT_FALSE(accepts(kSchema, R"({"patternProperties":{"^.$":{"type":"null"}},
                                    "additionalProperties":false})",
                       R"({"\r":null})"));
}

TEST(Constraint, RefusalsNameTheKeyword) {
  EXPECT_THAT(refusal(kSchema, R"({"properties":{"a":{"uniqueItems":true}}})"),
              HasSubstr("'uniqueItems'"));
  EXPECT_THAT(refusal(kSchema, R"({"if":{},"then":{}})"), HasSubstr("'if', 'then'"));
  EXPECT_THAT(refusal(kSchema, R"({"oneOf":[{"minimum":1},{"maximum":5}]})"), HasSubstr("'oneOf'"));
  EXPECT_THAT(refusal(kSchema, R"({"format":"hostname"})"), HasSubstr("'format' 'hostname'"));
  EXPECT_THAT(refusal(kSchema, R"({"pattern":"a(?=b)+"})"), HasSubstr("'pattern' with a group"));
  EXPECT_THAT(refusal(kSchema, R"({"pattern":"\\Aa"})"), HasSubstr("the escape \\A"));
  EXPECT_THAT(refusal(kSchema, R"({"const":9007199254740993})"), HasSubstr("'const'"));
  EXPECT_THAT(refusal(kSchema, R"({"x":{"pattern":"."},"$ref":"#/x"})"), HasSubstr("'#/x'"));
  EXPECT_THAT(refusal(kSchema, R"({"$ref":"http://example.com/a"})"), HasSubstr("example.com"));
  EXPECT_THAT(refusal(kSchema, R"({"items":{"$id":"x"}})"), HasSubstr("'$id'"));
  EXPECT_THAT(refusal(kSchema, R"({"$schema":"http://example.com/own"})"), HasSubstr("dialect"));
  EXPECT_THAT(refusal(kSchema, "false"), HasSubstr("allows nothing"));
  EXPECT_THAT(refusal(kSchema, "[]"), HasSubstr("an object or a boolean"));
  EXPECT_THAT(refusal(kSchema, "{"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(kRegex, "(a"), HasSubstr("unclosed group"));
  EXPECT_THAT(refusal(kGrammar, "start: %json {}"), HasSubstr("%json"));
  EXPECT_THAT(refusal(kGrammar, "start: b"), HasSubstr("b"));
  EXPECT_THAT(refusal(kGrammar, "start: <[257]>"), HasSubstr("no text obeys it"));
}

// A name spelled in another way must not get past the schema of this name.
TEST(Constraint, StringsAreWrittenInOneWay) {
  const char* null_member = R"({"type":"object","properties":{"a":{"type":"null"}}})";
  EXPECT_TRUE(accepts(kSchema, null_member, R"({"a":null,"b":1})"));
  EXPECT_FALSE(accepts(kSchema, null_member, R"({"\u0061":1})"));
  const char* newline = R"({"type":"object","properties":{"\n":{"type":"null"}}})";
  EXPECT_TRUE(accepts(kSchema, newline, R"({"\n":null})"));
  EXPECT_FALSE(accepts(kSchema, newline, R"({"\u000a":1})"));
  for (const char* schema :
       {R"({"const":"a\u0000b"})", R"({"enum":[["\u007f"]]})", R"({"properties":{"\u0001":{}}})",
        R"({"required":["\u0001"]})", R"({"pattern":"a\\x00b"})", R"({"pattern":"a\\vb"})",
        R"({"pattern":"a\\u0001b"})", R"({"pattern":"a-\\x01b"})", R"({"pattern":"a\\u{1}b"})",
        R"({"pattern":"a[\\x01]b"})", R"({"pattern":"a\\x01abc"})",
        R"({"patternProperties":{"\\0":{}}})"}) {
    EXPECT_THAT(refusal(kSchema, schema), HasSubstr("a control character")) << schema;
  }
  EXPECT_TRUE(accepts(kSchema, R"({"pattern":"^[^\\x00-\\x1f]+$"})", R"("abc")"));
  EXPECT_FALSE(
      accepts(kSchema, R"({"type":"string","pattern":"^(a[\\x01-\\x02]b|c)$"})", R"("ab")"));
  EXPECT_TRUE(accepts(kSchema, R"({"type":"string","pattern":"^(a[\\x01-\\x02]b|c)$"})", R"("c")"));
}

// A member that is written twice counts once.
TEST(Constraint, AsManyMembersAsAreAskedFor) {
  EXPECT_THAT(refusal(kSchema, R"({"minProperties":2})"), HasSubstr("'minProperties'"));
  EXPECT_TRUE(accepts(kSchema, R"({"minProperties":2,"required":["a","b"]})", R"({"a":1,"b":2})"));
  EXPECT_FALSE(accepts(kSchema, R"({"minProperties":2,"required":["a","b"]})", R"({"a":1,"a":2})"));
  EXPECT_FALSE(accepts(kSchema, R"({"type":"object","minProperties":1})", "{}"));
}

// A member of the schema's own name must not switch llguidance's checks off.
TEST(Constraint, ASchemaCannotSetTheCompilersOptions) {
  EXPECT_THAT(refusal(kSchema, R"({"not":{},"x-guidance":{"lenient":true}})"), HasSubstr("'not'"));
}

TEST(Constraint, Lark) {
  const char* sums =
      "start: sum\nsum: NUMBER | sum \"+\" NUMBER | \"(\" sum \")\"\nNUMBER: /[0-9]+/";
  EXPECT_TRUE(accepts(kGrammar, sums, "(1+22)+3"));
  EXPECT_FALSE(accepts(kGrammar, sums, "(1+22"));
  EXPECT_FALSE(accepts(kGrammar, sums, "1+"));
}

TEST(Constraint, GbnfWithoutRecursionMeansWhatItMeant) {
  const char* move = R"(# chess
root ::= "1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n"){0,2}
move ::= (pawn | castle) [+#]?
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBQR])?
castle ::= "O-O" "-O"?
)";
  EXPECT_TRUE(accepts(kGrammar, move, "1. e4 e5\n2. O-O-O dxe4+\n"));
  EXPECT_FALSE(accepts(kGrammar, move, "1. e4 e9\n"));
  // Alternatives that begin alike: an expression has no seams.
  EXPECT_TRUE(accepts(kGrammar, R"(root ::= "a" "bc" | "ab" "d")", "abc"));
  EXPECT_TRUE(accepts(kGrammar, "root ::= [^\\x00-\\x1f\"\\]/a-c.-]*", "xyz+"));
  EXPECT_FALSE(accepts(kGrammar, "root ::= [^\\x00-\\x1f\"\\]/a-c.-]*", "x/"));
  EXPECT_TRUE(accepts(kGrammar, "root ::= . [\\u00e9]", "\n\xC3\xA9"));
}

TEST(Constraint, GbnfWithRecursion) {
  const char* json = R"(root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
)";
  EXPECT_TRUE(accepts(kGrammar, json, R"({"a": [1, -2.5e+1, {"b": null}], "c": "\u00e9\""})"));
  EXPECT_TRUE(accepts(kGrammar, json, "{}"));
  EXPECT_FALSE(accepts(kGrammar, json, "[1]"));
  EXPECT_FALSE(accepts(kGrammar, json, R"({"a": })"));
  const char* nested = "root ::= \"(\" root? \")\"";
  EXPECT_TRUE(accepts(kGrammar, nested, "((()))"));
  EXPECT_FALSE(accepts(kGrammar, nested, "((())"));
}

TEST(Constraint, GbnfErrorsNameLineAndRule) {
  EXPECT_THAT(refusal(kGrammar, "root ::= \"a\"\nb ::= <[12]>"),
              HasSubstr("line 2: tokens by name"));
  EXPECT_THAT(refusal(kGrammar, "rot ::= \"a\""), HasSubstr("no rule 'root'"));
  EXPECT_THAT(refusal(kGrammar, "root ::= b"), HasSubstr("'b', which is not defined"));
  EXPECT_THAT(refusal(kGrammar, "root ::= \"a"), HasSubstr("'\"' is missing"));
  EXPECT_THAT(refusal(kGrammar, "root ::= [b-a]"), HasSubstr("b-a is empty"));
  EXPECT_THAT(refusal(kGrammar, "root ::= \"a\"{2,1}"), HasSubstr("no number of times"));
  EXPECT_THAT(refusal(kGrammar, "root ::= (\"a\""), HasSubstr("')' is missing"));
  EXPECT_THAT(refusal(kGrammar, "root ::= \"a\" )"), HasSubstr("does not end"));
}

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// Compiles, then takes the lowest allowed token a while: an error or progress, in bounded time.
TEST(Constraint, HostileSourcesCostAnErrorOrLittleTime) {
  struct Case {
    const char* name;
    ConstraintKind kind;
    std::string source;
  };
  std::string doubling = "root ::= r30\nr0 ::= \"a\"\n";
  for (int i = 1; i <= 30; ++i) doubling += fmt::format("r{} ::= r{} r{}\n", i, i - 1, i - 1);
  std::string product = R"({"allOf":[)",
              refs = R"({"$ref":"#/$defs/a30","$defs":{"a0":{"type":"null"})";
  for (int i = 0; i < 30; ++i) {
    product +=
        fmt::format(R"({}{{"anyOf":[{{"minimum":{}}},{{"maximum":{}}},{{"multipleOf":{}}}]}})",
                    i ? "," : "", i, 100 - i, i + 2);
  }
  product += "]}";
  for (int i = 1; i <= 30; ++i) {
    refs += fmt::format(R"(,"a{}":{{"type":"array","prefixItems":[{{"$ref":"#/$defs/a{}"}},)"
                        R"({{"$ref":"#/$defs/a{}"}}],"minItems":2}})",
                        i, i - 1, i - 1);
  }
  refs += "}}";
  std::string enumeration = R"({"enum":[)";
  for (int i = 0; i < 20000; ++i)
    enumeration += fmt::format("{}\"value {}\"", i ? "," : "", i * 7919);
  enumeration += "]}";
  std::string patterns = R"({"patternProperties":{)";
  for (int i = 0; i < 60; ++i)
    patterns += fmt::format(R"({}"^x{}(a|b|c)*d{{1,20}}$":{{}})", i ? "," : "", i);
  patterns += "}}";
  const Case cases[] = {
      {"too long", kSchema, "{\"a\":\"" + std::string(2 << 20, 'x') + "\"}"},
      {"deep JSON", kSchema, repeated("{\"items\":", 100000) + "{}" + repeated("}", 100000)},
      {"deep arrays", kSchema, repeated("[", 500000)},
      {"nested to the limit", kSchema, repeated("{\"items\":", 120) + "{}" + repeated("}", 120)},
      {"a reference to itself", kSchema, R"({"$ref":"#"})"},
      {"references in a circle", kSchema,
       R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})"},
      {"an endless value", kSchema, R"({"type":"array","items":{"$ref":"#"},"minItems":1})"},
      {"a product of alternatives", kSchema, product},
      {"doubling references", kSchema, refs},
      {"many values", kSchema, enumeration},
      {"many patterns", kSchema, patterns},
      {"many items", kSchema, R"({"type":"array","minItems":1000000000,"maxItems":1000000000})"},
      {"many prefixes", kSchema,
       R"({"type":"array","minItems":60000,"prefixItems":[)" +
           repeated("{\"type\":\"null\"},", 50000) + "true]}"},
      {"long strings", kSchema, R"({"type":"string","minLength":1000000000})"},
      {"bounded strings", kSchema, R"({"type":"string","maxLength":4000000000})"},
      {"a wide range", kSchema, R"({"type":"number","minimum":-1e308,"maximum":1e-308})"},
      {"a fine multiple", kSchema, R"({"type":"number","multipleOf":1e-9})"},
      {"a coarse multiple", kSchema, R"({"type":"integer","multipleOf":999999937})"},
      {"repeats of repeats", kSchema,
       R"({"type":"string","pattern":"^((a{1,1000}){1,1000}){1,1000}$"})"},
      {"a counter", kSchema, R"({"type":"string","pattern":"(a|b)*a(a|b){60}$"})"},
      {"alternatives alike", kRegex, "(a|a|ab|aab)*b(a*)*c"},
      {"repeats of repeats", kRegex, "((a{1,999}){1,999}){1,999}"},
      {"Unicode classes", kRegex, repeated("\\p{L}{1,50}\\W?", 50)},
      {"deep groups", kRegex, repeated("(", 200000) + repeated(")", 200000)},
      {"long alternatives", kRegex, repeated("(x|y|z){3,9}|", 5000) + "w"},
      {"left recursion", kGrammar, "start: start start | \"a\" | start \"b\" start |"},
      {"nothing but recursion", kGrammar, "start: start"},
      {"deep Lark", kGrammar, "start: " + repeated("(", 100000) + "\"a\"" + repeated(")", 100000)},
      {"many repeats", kGrammar, "start: ((\"a\"{0,1000}){0,1000}){0,1000}"},
      {"doubling rules", kGrammar, doubling},
      {"deep GBNF", kGrammar,
       "root ::= " + repeated("(", 100000) + "\"a\"" + repeated(")", 100000)},
      {"repeats of GBNF", kGrammar, "root ::= \"a\"" + repeated("*", 500000)},
      {"GBNF that recurs left", kGrammar, "root ::= root root | root \"a\" | \"\""},
      {"no grammar", kGrammar, ""},
      {"bytes", kGrammar, std::string("start: \0\xff", 9)},
      {"bytes", kRegex, "\xff\xfe"},
      {"no schema", kSchema, ""},
  };
  for (const Case& hostile : cases) {
    const auto started = std::chrono::steady_clock::now();
    auto constraint = compile(hostile.kind, hostile.source);
    std::string end = constraint ? "" : constraint.error().message;
    for (int i = 0; i < 300 && end.empty() && !constraint->must_end(); ++i) {
      const auto mask = constraint->mask();
      if (!mask) {
        end = mask.error().message;
        break;
      }
      Token token = 255;
      while (token >= 0 && !(*mask)->allows(token)) --token;
      if (token < 0) break;  // only the end
      if (const auto accepted = constraint->accept(token); !accepted)
        end = accepted.error().message;
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    fmt::print("{:6.2f} s  {}: {}\n", seconds, hostile.name, end.substr(0, 150));
    // A hang would take hours; the slowest takes a second where nothing else runs.
    EXPECT_LT(seconds, 240) << hostile.name;
    EXPECT_EQ(end.find('\n'), end.npos) << hostile.name;
  }
}

}  // namespace
}  // namespace hob::engine
