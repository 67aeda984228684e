// yaml-cpp's nodes to JSON values.
#include <yaml-cpp/yaml.h>

#include <string>

#include "text/utf8.h"
#include "text/yaml.h"
#include "text/yaml_scalar.h"

namespace hob::text {
namespace {

using nlohmann::ordered_json;

// More than any template; what aliases could multiply beyond it is an error, not memory.
constexpr size_t kMostNodes = 100'000;
constexpr size_t kMostBytes = 16 << 20;
// Of one mapping, what "<<" brings in counted: an ordered object looks for a key among all of them.
constexpr size_t kMostKeys = 10'000;
constexpr int kDeepest = 200;
constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

// yaml-cpp 0.7 turns the escapes \N and \_ into the lone bytes 0x85 and 0xA0 instead of those code
// points. The file itself was UTF-8, so nothing else can be amiss.
Result<std::string> repaired(const std::string& scalar) {
  if (is_utf8(scalar)) return scalar;
  std::string out;
  for (std::string_view rest = scalar; !rest.empty();) {
    const Utf8Sequence next = next_utf8(rest);
    const auto length = static_cast<size_t>(next.length);
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (next.head == Utf8Head::kWhole) {
      out.append(rest.substr(0, length));
    } else if (byte == 0x85 || byte == 0xA0) {
      append_utf8(out, byte);
    } else {
      return fail(ErrorKind::kInvalid, "an escape makes what is no character");
    }
    rest.remove_prefix(length);
  }
  return out;
}

class Reader {
 public:
  Result<ordered_json> value(const YAML::Node& node, int depth) {
    if (depth > kDeepest) {
      return fail(ErrorKind::kTooLarge, "YAML nests deeper than {} levels", kDeepest);
    }
    if (++nodes_ > kMostNodes) {
      return fail(ErrorKind::kTooLarge, "YAML has more than {} values, aliases included",
                  kMostNodes);
    }
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return sequence(node, depth);
      case YAML::NodeType::Map:
        return mapping(node, depth);
      default:
        return ordered_json();
    }
  }

 private:
  static std::string place(const YAML::Node& node) {
    return fmt::format("line {}", node.Mark().line + 1);
  }

  // yaml-cpp tags plain scalars "?" and quoted ones "!".
  Result<ordered_json> scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    bytes_ += node.Scalar().size();
    if (bytes_ > kMostBytes) {
      return fail(ErrorKind::kTooLarge, "YAML holds more than {} bytes of text, aliases included",
                  kMostBytes);
    }
    if (tag == "?" || tag.empty()) return yaml_value(node.Scalar());
    if (tag == "!") return text_of(node);
    if (tag.starts_with(kCoreTag)) {
      const std::string_view type = std::string_view(tag).substr(kCoreTag.size());
      if (type == "str") return text_of(node);
      const YamlKind kind = yaml_kind(node.Scalar());
      if ((type == "int" && kind == YamlKind::kInt) ||
          (type == "bool" && kind == YamlKind::kBool) ||
          (type == "null" && kind == YamlKind::kNull) ||
          (type == "float" && (kind == YamlKind::kFloat || kind == YamlKind::kInt))) {
        return yaml_value(node.Scalar());
      }
    }
    return fail(ErrorKind::kInvalid, "{}: the YAML tag '{}' does not fit or is not one of data",
                place(node), tag);
  }

  static Result<ordered_json> text_of(const YAML::Node& node) {
    HOB_TRY(std::string text, repaired(node.Scalar()));
    return ordered_json(std::move(text));
  }

  Result<> plain_collection(const YAML::Node& node, std::string_view type) {
    const std::string& tag = node.Tag();
    if (tag.empty() || tag == "?" || tag == "!" || tag == std::string(kCoreTag) + std::string(type))
      return {};
    return fail(ErrorKind::kInvalid, "{}: the YAML tag '{}' is not one of data", place(node), tag);
  }

  Result<ordered_json> sequence(const YAML::Node& node, int depth) {
    HOB_TRY_VOID(plain_collection(node, "seq"));
    auto out = ordered_json::array();
    for (const auto& item : node) {
      HOB_TRY(auto one, value(item, depth + 1));
      out.push_back(std::move(one));
    }
    return out;
  }

  Result<ordered_json> mapping(const YAML::Node& node, int depth) {
    HOB_TRY_VOID(plain_collection(node, "map"));
    auto out = ordered_json::object();
    auto merged = ordered_json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        return fail(ErrorKind::kInvalid, "{}: a key that is not text", place(entry.first));
      }
      HOB_TRY(const std::string key, repaired(entry.first.Scalar()));
      HOB_TRY(auto one, value(entry.second, depth + 1));
      if (key == "<<" && entry.first.Tag() == "?") {
        HOB_TRY_VOID(merge(merged, one, entry.first));
      } else {
        out[key] = std::move(one);
        HOB_TRY_VOID(check_keys(out, entry.first));
      }
    }
    for (const auto& [key, one] : out.items()) merged[key] = one;
    return merged;
  }

  static Result<> check_keys(const ordered_json& mapping, const YAML::Node& at) {
    if (mapping.size() <= kMostKeys) return {};
    return fail(ErrorKind::kTooLarge, "{}: a mapping has more than {} keys", place(at), kMostKeys);
  }

  // The value of "<<": a mapping, or several of which the first wins.
  static Result<> merge(ordered_json& merged, const ordered_json& source, const YAML::Node& at) {
    const auto add = [&](const ordered_json& mapping) {
      for (const auto& [key, one] : mapping.items()) {
        if (!merged.contains(key)) merged[key] = one;
      }
      return check_keys(merged, at);
    };
    if (source.is_object()) return add(source);
    bool all = source.is_array();
    if (all) {
      for (const auto& mapping : source) all = all && mapping.is_object();
    }
    if (!all) return fail(ErrorKind::kInvalid, "{}: '<<' needs a mapping", place(at));
    for (const auto& mapping : source) HOB_TRY_VOID(add(mapping));
    return {};
  }

  size_t nodes_ = 0, bytes_ = 0;
};

}  // namespace

Result<ordered_json> parse_yaml(std::string_view text) {
  if (text.size() > kMostBytes) {
    return fail(ErrorKind::kTooLarge, "{} bytes of YAML; {} are the most", text.size(), kMostBytes);
  }
  if (!is_utf8(text)) return fail(ErrorKind::kInvalid, "it is not UTF-8");
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.empty()) return ordered_json();
    if (documents.size() > 1) {
      return fail(ErrorKind::kInvalid, "there are {} YAML documents instead of one",
                  documents.size());
    }
    return Reader().value(documents.front(), 0);
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::kInvalid, "line {}, column {}: {}", error.mark.line + 1,
                error.mark.column + 1, error.msg);
  }
}

}  // namespace hob::text
