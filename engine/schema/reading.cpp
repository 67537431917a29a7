// Which schemas can be read as which: looked at before any byte is, so that the
// answer does not depend on the values that happen to be stored.
#include "schema/reading.hpp"

#include <pawl/detail/coder.hpp>

#include <set>
#include <utility>

namespace pawl::core {
namespace {

struct integer {
  unsigned bits;
  bool is_signed;
};

integer integer_of(schema_kind kind) {
  const bool is_signed = kind <= schema_kind::i64;
  const auto first = static_cast<unsigned>(is_signed ? schema_kind::i8 : schema_kind::u8);
  return {8U << (static_cast<unsigned>(kind) - first), is_signed};
}

std::string shortened(std::string_view text) {
  constexpr std::size_t most = 100;
  return text.size() <= most ? std::string(text) : std::string(text.substr(0, most)) + "...";
}

class comparison {
public:
  comparison(const schema_tree& stored, const schema_tree& wanted) : stored_(stored), wanted_(wanted) {}

  // Fills `reason` and returns false at the first part that cannot be read.
  bool fits(std::uint32_t s, std::uint32_t w, const std::string& path) {
    const bool loops = stored_.nodes[s].kind == schema_kind::up || wanted_.nodes[w].kind == schema_kind::up;
    s = stored_.resolve(s);
    w = wanted_.resolve(w);
    // A recursive type comes back to a pair that is being looked at: nothing new is learned from it.
    if (loops && seen_.contains({s, w})) return true;
    seen_.insert({s, w});
    const schema_node& from = stored_.nodes[s];
    const schema_node& to = wanted_.nodes[w];
    if (to.kind == schema_kind::optional && from.kind != schema_kind::optional)
      return fits(s, wanted_.child(w, 0), path);
    if (is_scalar(from.kind) && is_scalar(to.kind)) return widens(from.kind, to.kind) || refuse(s, w, path);
    if (from.kind == schema_kind::array && to.kind == schema_kind::list) return parts_fit(s, w, path);
    if (from.kind != to.kind || !alike(from, to)) return refuse(s, w, path);
    return from.kind == schema_kind::record ? fields_fit(s, w, path) : parts_fit(s, w, path);
  }

  std::string reason;

private:
  bool refuse(std::uint32_t s, std::uint32_t w, const std::string& path) {
    reason = (path.empty() ? "the value" : "'" + path + "'") + " is stored as " + shortened(stored_.nodes[s].text) +
             " and wanted as " + shortened(wanted_.nodes[w].text);
    return false;
  }

  // Of two nodes of one kind: whether all but their children agrees.
  static bool alike(const schema_node& from, const schema_node& to) {
    if (from.kind == schema_kind::variant) return from.count <= to.count;
    if (from.kind == schema_kind::record) return true;
    return from.count == to.count && from.a == to.a && from.b == to.b && from.name == to.name;
  }

  bool parts_fit(std::uint32_t s, std::uint32_t w, const std::string& path) {
    for (std::uint32_t i = 0; i < stored_.nodes[s].count; ++i)
      if (!fits(stored_.child(s, i), wanted_.child(w, i), path + step_into(stored_.nodes[s].kind, i))) return false;
    return true;
  }

  static std::string step_into(schema_kind kind, std::uint32_t part) {
    switch (kind) {
      case schema_kind::list:
      case schema_kind::array:
      case schema_kind::set:
        return "[]";
      case schema_kind::map:
        return part == 0 ? "[key]" : "[]";
      case schema_kind::tuple:
      case schema_kind::variant:
        return "<" + std::to_string(part) + ">";
      default:
        return {};
    }
  }

  bool fields_fit(std::uint32_t s, std::uint32_t w, const std::string& path) {
    const schema_node& to = wanted_.nodes[w];
    for (std::uint32_t i = 0; i < to.count; ++i) {
      const schema_link& field = wanted_.links[to.first + i];
      const std::string place = path + (path.empty() ? "" : ".") + std::string(field.name);
      const std::ptrdiff_t found = find_field(stored_, s, field.name);
      if (found >= 0) {
        if (!fits(stored_.child(s, static_cast<std::size_t>(found)), field.node, place)) return false;
      } else if (!has_default(w, field.node)) {
        reason = "'" + place + "' of type " + shortened(wanted_.nodes[field.node].text) +
                 " is not stored, and the type around it cannot be default-constructed to fill it";
        return false;
      }
    }
    return true;
  }

  bool has_default(std::uint32_t record, std::uint32_t field) const {
    if (wanted_.nodes[field].kind == schema_kind::optional) return true;
    // A schema read from its text does not know; the type that it stands for is asked when it is decoded.
    return wanted_.defaults.empty() || wanted_.defaults[record] != nullptr;
  }

  const schema_tree& stored_;
  const schema_tree& wanted_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen_;
};

}  // namespace

bool widens(schema_kind stored, schema_kind wanted) noexcept {
  if (stored == wanted) return true;
  if (stored == schema_kind::f32) return wanted == schema_kind::f64;
  if (!is_integer(stored)) return false;
  const integer from = integer_of(stored);
  // A float holds every integer of as many bits as its mantissa has.
  if (wanted == schema_kind::f32) return from.bits <= 16;
  if (wanted == schema_kind::f64) return from.bits <= 32;
  if (!is_integer(wanted)) return false;
  const integer to = integer_of(wanted);
  return to.bits > from.bits && (to.is_signed || !from.is_signed);
}

std::ptrdiff_t find_field(const schema_tree& tree, std::uint32_t record, std::string_view name) noexcept {
  const schema_node& node = tree.nodes[record];
  for (std::uint32_t i = 0; i < node.count; ++i)
    if (tree.links[node.first + i].name == name) return i;
  return -1;
}

std::string why_not_readable(const schema_tree& stored, const schema_tree& wanted) {
  comparison both(stored, wanted);
  return both.fits(0, 0, {}) ? std::string() : both.reason;
}

namespace {

void skip(const schema_tree& tree, std::uint32_t index, decoder& in);

void skip_many(const schema_tree& tree, std::uint32_t element, std::uint64_t count, decoder& in) {
  const schema_node& node = tree.nodes[element];
  if (node.fixed_size) {
    if (count > in.remaining() / node.min_size) detail::throw_invalid("its parts reach beyond the end");
    static_cast<void>(in.take(static_cast<std::size_t>(count * node.min_size)));
    return;
  }
  for (; count > 0; --count) skip(tree, element, in);
}

void skip_parts(const schema_tree& tree, std::uint32_t index, decoder& in) {
  for (std::uint32_t i = 0; i < tree.nodes[index].count; ++i) skip(tree, tree.child(index, i), in);
}

void skip(const schema_tree& tree, std::uint32_t index, decoder& in) {
  const schema_node& node = tree.nodes[index];
  if (node.fixed_size) return skip_many(tree, index, 1, in);
  switch (node.kind) {
    case schema_kind::up: {
      const detail::nesting deeper(in);
      return skip(tree, node.target, in);
    }
    case schema_kind::string:
      static_cast<void>(in.take(detail::get_count(in, 1)));
      return;
    case schema_kind::custom:
      static_cast<void>(in.take(detail::get_count(in, 1)));
      return;
    case schema_kind::list:
    case schema_kind::set: {
      const std::uint32_t element = tree.child(index, 0);
      return skip_many(tree, element, detail::get_count(in, tree.nodes[element].min_size), in);
    }
    case schema_kind::map: {
      const std::uint32_t key = tree.child(index, 0), value = tree.child(index, 1);
      std::size_t left = detail::get_count(in, tree.nodes[key].min_size + tree.nodes[value].min_size);
      for (; left > 0; --left) {
        skip(tree, key, in);
        skip(tree, value, in);
      }
      return;
    }
    case schema_kind::optional:
      if (detail::get_flag(in)) skip(tree, tree.child(index, 0), in);
      return;
    case schema_kind::variant:
      return skip(tree, tree.child(index, detail::get_index(in, node.count)), in);
    case schema_kind::array:
      return skip_many(tree, tree.child(index, 0), node.a, in);
    default:
      return skip_parts(tree, index, in);
  }
}

}  // namespace

void skip_value(const schema_tree& tree, std::uint32_t node, decoder& in) { skip(tree, node, in); }

}  // namespace pawl::core
