// An encoded value as JSON, from its schema alone. What becomes what:
// schema::to_json in pawl/schema.hpp.
#include "schema/json_text.hpp"
#include "schema/time_text.hpp"
#include "schema/tree.hpp"

#include <pawl/codec.hpp>
#include <pawl/encoder.hpp>

#include <string_view>

namespace pawl {
namespace core {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class printer {
public:
  printer(const schema_tree& tree, std::size_t size_max) : out(size_max), tree_(tree) {}

  void value(std::uint32_t index, decoder& in) {
    const schema_node& node = tree_.nodes[index];
    if (is_scalar(node.kind)) return scalar(node.kind, in);
    switch (node.kind) {
      case schema_kind::string:
        return out.string(as_text(in.take(detail::get_count(in, 1))));
      case schema_kind::list:
      case schema_kind::set: {
        const std::uint32_t element = tree_.child(index, 0);
        return elements(element, detail::get_count(in, tree_.nodes[element].min_size), in);
      }
      case schema_kind::array:
        return array(index, in);
      case schema_kind::map:
        return map(index, in);
      case schema_kind::optional:
        return detail::get_flag(in) ? value(tree_.child(index, 0), in) : out.raw("null");
      case schema_kind::variant:
        return variant(index, in);
      case schema_kind::tuple:
        return tuple(index, in);
      case schema_kind::record:
        return record(index, in);
      case schema_kind::enumeration:
        return value(tree_.child(index, 0), in);
      case schema_kind::duration:
      case schema_kind::time:
      case schema_kind::local_time:
      case schema_kind::file_time:
        return time(index, in);
      case schema_kind::custom:
        return out.hex(in.take(node.a != 0 ? static_cast<std::size_t>(node.a) : detail::get_count(in, 1)));
      case schema_kind::up: {
        const detail::nesting deeper(in);
        return value(node.target, in);
      }
      default:
        detail::get_nothing(in);
        return out.raw("null");
    }
  }

  json_text out;

private:
  void scalar(schema_kind kind, decoder& in) {
    switch (kind) {
      case schema_kind::boolean:
        return out.raw(detail::get_flag(in) ? "true" : "false");
      case schema_kind::character:
        return out.string(as_text(in.take(1)));
      case schema_kind::f32:
        return out.number(in.get<float>());
      case schema_kind::f64:
        return out.number(in.get<double>());
      case schema_kind::u64:
        return out.number(in.get<std::uint64_t>());
      default:
        return out.number(integer(kind, in));
    }
  }

  static std::int64_t integer(schema_kind kind, decoder& in) {
    switch (kind) {
      case schema_kind::i8:
        return in.get<std::int8_t>();
      case schema_kind::i16:
        return in.get<std::int16_t>();
      case schema_kind::i32:
        return in.get<std::int32_t>();
      case schema_kind::i64:
        return in.get<std::int64_t>();
      case schema_kind::u16:
        return in.get<std::uint16_t>();
      case schema_kind::u32:
        return in.get<std::uint32_t>();
      default:
        return in.get<std::uint8_t>();  // u8, byte
    }
  }

  void comma(bool& first) {
    if (!first) out.raw(',');
    first = false;
  }

  void elements(std::uint32_t element, std::uint64_t count, decoder& in) {
    const schema_kind kind = tree_.nodes[element].kind;
    if (kind == schema_kind::byte) return out.hex(in.take(static_cast<std::size_t>(count)));
    if (kind == schema_kind::character) return out.string(as_text(in.take(static_cast<std::size_t>(count))));
    bool first = true;
    out.raw('[');
    for (; count > 0; --count) {
      comma(first);
      value(element, in);
    }
    out.raw(']');
  }

  void array(std::uint32_t index, decoder& in) {
    const std::uint64_t count = tree_.nodes[index].a;
    if (count == 0) detail::get_nothing(in);
    elements(tree_.child(index, 0), count, in);
  }

  void map(std::uint32_t index, decoder& in) {
    const std::uint32_t key = tree_.child(index, 0), mapped = tree_.child(index, 1);
    const bool object = tree_.nodes[key].kind == schema_kind::string;
    std::size_t left = detail::get_count(in, tree_.nodes[key].min_size + tree_.nodes[mapped].min_size);
    bool first = true;
    out.raw(object ? '{' : '[');
    for (; left > 0; --left) {
      comma(first);
      if (!object) out.raw('[');
      value(key, in);
      out.raw(object ? ':' : ',');
      value(mapped, in);
      if (!object) out.raw(']');
    }
    out.raw(object ? '}' : ']');
  }

  void variant(std::uint32_t index, decoder& in) {
    const std::size_t which = detail::get_index(in, tree_.nodes[index].count);
    out.raw("{\"index\":");
    out.number(std::uint64_t{which});
    out.raw(",\"value\":");
    value(tree_.child(index, which), in);
    out.raw('}');
  }

  void tuple(std::uint32_t index, decoder& in) {
    if (tree_.nodes[index].count == 0) detail::get_nothing(in);
    bool first = true;
    out.raw('[');
    for (std::uint32_t i = 0; i < tree_.nodes[index].count; ++i) {
      comma(first);
      value(tree_.child(index, i), in);
    }
    out.raw(']');
  }

  void record(std::uint32_t index, decoder& in) {
    const schema_node& node = tree_.nodes[index];
    if (node.count == 0) detail::get_nothing(in);
    bool first = true;
    out.raw('{');
    for (std::uint32_t i = 0; i < node.count; ++i) {
      comma(first);
      out.string(tree_.links[node.first + i].name);
      out.raw(':');
      value(tree_.child(index, i), in);
    }
    out.raw('}');
  }

  void time(std::uint32_t index, decoder& in) {
    const schema_node& node = tree_.nodes[index];
    const schema_kind rep = tree_.nodes[tree_.child(index, 0)].kind;
    if (is_integer(rep) && rep != schema_kind::u64 && is_dated(node.kind)) {
      const std::int64_t count = integer(rep, in);
      if (const std::string iso = iso_time(count, node.a, node.b); !iso.empty())
        return out.raw('"' + iso + (node.kind == schema_kind::time ? "Z\"" : "\""));
      out.raw('"' + std::to_string(count));
    } else {
      out.raw('"');
      json_text count(64);
      floating_or_integer(rep, in, count);
      out.raw(count.take());
    }
    out.raw(unit_name(node.a, node.b));
    out.raw(since(node.kind));
    out.raw('"');
  }

  static bool is_dated(schema_kind kind) { return kind == schema_kind::time || kind == schema_kind::local_time; }

  static std::string_view since(schema_kind kind) {
    switch (kind) {
      case schema_kind::time:
        return " since 1970-01-01T00:00:00Z";
      case schema_kind::local_time:
        return " since 1970-01-01T00:00:00";
      case schema_kind::file_time:
        return " since the file clock's epoch";
      default:
        return "";
    }
  }

  // A count within a string: not-a-number and the infinities without quotes of their own.
  static void floating_or_integer(schema_kind rep, decoder& in, json_text& count) {
    json_text spelled(64);
    if (rep == schema_kind::f32)
      spelled.number(in.get<float>());
    else if (rep == schema_kind::f64)
      spelled.number(in.get<double>());
    else if (rep == schema_kind::u64)
      spelled.number(in.get<std::uint64_t>());
    else
      spelled.number(integer(rep, in));
    for (const char c : spelled.take())
      if (c != '"') count.raw(c);
  }

  const schema_tree& tree_;
};

}  // namespace
}  // namespace core

std::string schema::to_json(std::span<const std::byte> encoded, std::size_t size_max) const {
  core::printer printed(tree(), size_max);
  decoder in(encoded);
  printed.value(0, in);
  detail::throw_if_bytes_remain(in);
  return printed.out.take();
}

}  // namespace pawl
