// From the text of a schema to its tree, and nothing else that text could say:
// one spelling per schema, bounded in length, depth and number of types.
#include "schema/tree.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

namespace pawl::core {
namespace {

constexpr std::array<std::string_view, 30> words = {
    "bool",  "char",    "byte", "i8",       "i16",  "i32",        "i64",       "u8",  "u16",    "u32",
    "u64",   "f32",     "f64",  "string",   "none", "",           "array",     "set", "map",    "optional",
    "tuple", "variant", "enum", "duration", "time", "local_time", "file_time", "",    "custom", "up",
};
static_assert(words.size() == static_cast<std::size_t>(schema_kind::up) + 1);

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class parser {
public:
  explicit parser(schema_tree& tree) : tree_(tree), text_(tree.canonical) {}

  void whole() {
    type(0);
    if (at_ != text_.size()) fail("more follows after its end");
  }

private:
  [[noreturn]] void fail(std::string_view what) const {
    throw error(errc::damaged, "schema: the stored description of a type is damaged at byte " + std::to_string(at_) +
                                   ": " + std::string(what) + "; run `pawl verify` on the state");
  }

  bool starts(std::string_view token) const { return text_.substr(at_).starts_with(token); }
  void expect(std::string_view token) {
    if (!starts(token)) fail("'" + std::string(token) + "' should stand here");
    at_ += token.size();
  }
  bool accept(std::string_view token) {
    if (!starts(token)) return false;
    at_ += token.size();
    return true;
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    if (at_ == begin) fail("a name should stand here");
    if (at_ - begin > schema_name_max) fail("a name is too long");
    return text_.substr(begin, at_ - begin);
  }

  std::uint64_t number(std::uint64_t max) {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > (max - digit) / 10) fail("a number is too large");
      value = value * 10 + digit;
    }
    if (at_ == begin) fail("a number should stand here");
    if (text_[begin] == '0' && at_ - begin > 1) fail("a number starts with 0");
    return value;
  }

  std::uint32_t type(std::size_t depth) {
    if (depth >= schema_depth_max) fail("types are nested too deeply");
    if (tree_.nodes.size() >= schema_nodes_max) fail("it has too many types");
    const std::size_t begin = at_;
    const auto index = static_cast<std::uint32_t>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    schema_node made;
    children_of made_children;
    body(made, made_children, index, depth);
    made.first = static_cast<std::uint32_t>(tree_.links.size());
    made.count = static_cast<std::uint32_t>(made_children.size());
    tree_.links.insert(tree_.links.end(), made_children.begin(), made_children.end());
    made.text = text_.substr(begin, at_ - begin);
    measure(tree_, made);
    tree_.nodes[index] = made;
    return index;
  }

  using children_of = std::vector<schema_link>;

  void body(schema_node& made, children_of& children, std::uint32_t index, std::size_t depth) {
    if (accept("[")) {
      made.kind = schema_kind::list;
      children.push_back({type(depth + 1), {}});
      expect("]");
    } else if (accept("record{")) {
      made.kind = schema_kind::record;
      records_.push_back(index);
      fields(children, depth);
      records_.pop_back();
    } else {
      const std::string_view word = name();
      const auto found = std::find(words.begin(), words.end(), word);
      if (found == words.end()) fail("'" + std::string(word.substr(0, 40)) + "' is no type");
      made.kind = static_cast<schema_kind>(found - words.begin());
      arguments(made, children, depth);
    }
  }

  void fields(children_of& children, std::size_t depth) {
    if (accept("}")) return;
    do {
      const std::string_view field = name();
      expect(": ");
      children.push_back({type(depth + 1), field});
    } while (accept(", "));
    expect("}");
    std::vector<std::string_view> names;
    for (const schema_link& link : children) names.push_back(link.name);
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) fail("a record names a field twice");
  }

  void arguments(schema_node& made, children_of& children, std::size_t depth) {
    switch (made.kind) {
      case schema_kind::set:
      case schema_kind::optional:
        types(children, depth, 1, 1);
        break;
      case schema_kind::map:
        types(children, depth, 2, 2);
        break;
      case schema_kind::tuple:
        types(children, depth, 0, schema_nodes_max);
        break;
      case schema_kind::variant:
        types(children, depth, 1, 255);
        break;
      case schema_kind::array:
        expect("<");
        children.push_back({type(depth + 1), {}});
        expect(", ");
        made.a = number(std::numeric_limits<std::uint32_t>::max());
        expect(">");
        break;
      case schema_kind::enumeration:
        types(children, depth, 1, 1);
        if (!is_integer(kind_of(children[0]))) fail("an enum must have an integer below it");
        break;
      case schema_kind::duration:
      case schema_kind::time:
      case schema_kind::local_time:
      case schema_kind::file_time:
        period(made, children, depth);
        break;
      case schema_kind::custom:
        custom(made);
        break;
      case schema_kind::up:
        up(made);
        break;
      default:
        break;  // a scalar, string or none: the word is all
    }
  }

  schema_kind kind_of(const schema_link& link) const { return tree_.nodes[link.node].kind; }

  void types(children_of& children, std::size_t depth, std::size_t at_least, std::size_t at_most) {
    expect("<");
    if (at_least == 0 && accept(">")) return;
    do children.push_back({type(depth + 1), {}});
    while (accept(", "));
    expect(">");
    if (children.size() < at_least || children.size() > at_most) fail("a type has the wrong number of parts");
  }

  void period(schema_node& made, children_of& children, std::size_t depth) {
    constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
    expect("<");
    children.push_back({type(depth + 1), {}});
    expect(", ");
    made.a = number(max);
    expect("/");
    made.b = number(max);
    expect(">");
    const schema_kind rep = kind_of(children[0]);
    if (!is_integer(rep) && rep != schema_kind::f32 && rep != schema_kind::f64)
      fail("a duration must count in numbers");
    if (made.a == 0 || made.b == 0 || std::gcd(made.a, made.b) != 1) fail("a period is no reduced fraction");
  }

  void custom(schema_node& made) {
    expect("<\"");
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= 0x20 && text_[at_] < 0x7f && text_[at_] != '"' && text_[at_] != '\\')
      ++at_;
    made.name = text_.substr(begin, at_ - begin);
    if (made.name.empty() || made.name.size() > schema_name_max) fail("a codec's name is empty or too long");
    expect("\"");
    if (accept(", ")) {
      made.a = number(std::numeric_limits<std::uint32_t>::max());
      if (made.a == 0) fail("a codec's fixed size is 0");
    }
    expect(">");
  }

  void up(schema_node& made) {
    expect("<");
    made.a = number(schema_depth_max);
    expect(">");
    if (made.a >= records_.size()) fail("an up<> leads out of the type");
    made.target = records_[records_.size() - 1 - made.a];
  }

  schema_tree& tree_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> records_;  // those around this place, outermost first
};

}  // namespace

std::string_view word_of(schema_kind kind) noexcept { return words[static_cast<std::size_t>(kind)]; }

std::shared_ptr<schema_tree> parse_schema(std::string_view text) {
  if (text.size() > schema_text_max)
    throw error(errc::damaged,
                "schema: the stored description of a type is longer than 1 MiB; run `pawl verify` on the state");
  auto tree = std::make_shared<schema_tree>();
  tree->canonical = text;
  parser(*tree).whole();
  tree->hash = hash_of_schema(tree->canonical);
  return tree;
}

}  // namespace pawl::core
