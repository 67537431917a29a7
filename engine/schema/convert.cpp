// Turns the bytes of a value into those of the same value under another schema.
// The typed decoder then reads them as if they had always been so: what differs
// between two versions of a type is dealt with here, once, without templates.
#include "schema/reading.hpp"

#include <pawl/codec.hpp>
#include <pawl/detail/buffer.hpp>
#include <pawl/error.hpp>

#include <map>
#include <span>
#include <vector>

namespace pawl {
namespace core {
namespace {

using bytes = std::span<const std::byte>;

// How a list, a fixed array and the other containers begin.
bool is_counted(schema_kind kind) {
  return kind == schema_kind::list || kind == schema_kind::set || kind == schema_kind::map;
}

class converter {
public:
  converter(const schema_tree& stored, const schema_tree& wanted, detail::buffer& out)
      : stored_(stored), wanted_(wanted), out_(out) {}

  // The schemas are known to fit (why_not_readable).
  void value(std::uint32_t s, std::uint32_t w, decoder& in) {
    if (stored_.nodes[s].kind != schema_kind::up && wanted_.nodes[w].kind != schema_kind::up) return plain(s, w, in);
    const detail::nesting deeper(in);
    plain(stored_.resolve(s), wanted_.resolve(w), in);
  }

private:
  void plain(std::uint32_t s, std::uint32_t w, decoder& in) {
    const schema_node& from = stored_.nodes[s];
    const schema_node& to = wanted_.nodes[w];
    if (!from.has_up && !to.has_up && from.text == to.text) return copy(s, in);
    if (to.kind == schema_kind::optional && from.kind != schema_kind::optional) {
      out_.put(std::uint8_t{1});
      return value(s, wanted_.child(w, 0), in);
    }
    switch (to.kind) {
      case schema_kind::record:
        return record(s, w, in);
      case schema_kind::list:
      case schema_kind::set:
      case schema_kind::map:
        return elements(s, w, in);
      case schema_kind::array:
        return array(s, w, in);
      case schema_kind::optional:
      case schema_kind::variant:
        return choice(s, w, in);
      case schema_kind::tuple:
      case schema_kind::enumeration:
      case schema_kind::duration:
      case schema_kind::time:
      case schema_kind::local_time:
      case schema_kind::file_time:
        return parts(s, w, in);
      default:
        return widen(from.kind, to.kind, in);
    }
  }

  void copy(std::uint32_t s, decoder& in) {
    const bytes all = span_of(s, in);
    out_.write(all.data(), all.size());
  }

  bytes span_of(std::uint32_t s, decoder& in) const {
    decoder ahead = in;
    skip_value(stored_, s, ahead);
    return in.take(in.remaining() - ahead.remaining());
  }

  void parts(std::uint32_t s, std::uint32_t w, decoder& in) {
    for (std::uint32_t i = 0; i < wanted_.nodes[w].count; ++i) value(stored_.child(s, i), wanted_.child(w, i), in);
  }

  void choice(std::uint32_t s, std::uint32_t w, decoder& in) {
    if (wanted_.nodes[w].kind == schema_kind::optional) {
      const bool there = detail::get_flag(in);
      out_.put(static_cast<std::uint8_t>(there));
      if (there) value(stored_.child(s, 0), wanted_.child(w, 0), in);
    } else {
      const std::size_t index = detail::get_index(in, stored_.nodes[s].count);
      out_.put(static_cast<std::uint8_t>(index));
      value(stored_.child(s, index), wanted_.child(w, index), in);
    }
  }

  void array(std::uint32_t s, std::uint32_t w, decoder& in) {
    const std::uint64_t length = stored_.nodes[s].a;
    if (length == 0) return copy(s, in);
    for (std::uint64_t left = length; left > 0; --left) value(stored_.child(s, 0), wanted_.child(w, 0), in);
  }

  void elements(std::uint32_t s, std::uint32_t w, decoder& in) {
    const schema_node& from = stored_.nodes[s];
    std::uint64_t each_min = 0;
    for (std::uint32_t i = 0; i < from.count; ++i) each_min += stored_.nodes[stored_.child(s, i)].min_size;
    std::uint64_t left = from.a;
    if (is_counted(from.kind))
      left = detail::get_count(in, static_cast<std::size_t>(each_min));
    else if (left == 0)
      detail::get_nothing(in);
    else if (from.min_size > in.remaining())
      detail::throw_invalid("an array reaches beyond the end");
    detail::put_count(out_, static_cast<std::size_t>(left));
    for (; left > 0; --left) parts(s, w, in);
  }

  void record(std::uint32_t s, std::uint32_t w, decoder& in) {
    const schema_node& from = stored_.nodes[s];
    const schema_node& to = wanted_.nodes[w];
    std::vector<bytes> fields(from.count);
    for (std::uint32_t i = 0; i < from.count; ++i) fields[i] = span_of(stored_.child(s, i), in);
    if (from.count == 0) detail::get_nothing(in);
    if (to.count == 0) out_.put(std::uint8_t{0});
    for (std::uint32_t i = 0; i < to.count; ++i) {
      const schema_link& field = wanted_.links[to.first + i];
      const std::ptrdiff_t found = find_field(stored_, s, field.name);
      if (found < 0) {
        missing(w, i);
        continue;
      }
      const auto at = static_cast<std::size_t>(found);
      decoder part(fields[at]);
      part.nesting() = in.nesting();
      value(stored_.child(s, at), field.node, part);
    }
  }

  // The bytes that field `index` has in a default-constructed record, or an empty optional.
  void missing(std::uint32_t record, std::uint32_t index) {
    if (wanted_.defaults[record] == nullptr) return out_.put(std::uint8_t{0});
    auto [found, fresh] = defaults_.try_emplace(record);
    if (fresh) found->second = encode_default(record);
    const default_value& made = found->second;
    out_.write(made.whole.data() + made.begins[index], made.begins[index + 1] - made.begins[index]);
  }

  struct default_value {
    std::vector<std::byte> whole;
    std::vector<std::size_t> begins;  // of each field, and the end
  };

  default_value encode_default(std::uint32_t record) const {
    default_value made;
    detail::buffer encoded;
    wanted_.defaults[record](encoded);
    made.whole = encoded.take();
    decoder in(made.whole);
    for (std::uint32_t i = 0; i < wanted_.nodes[record].count; ++i) {
      made.begins.push_back(made.whole.size() - in.remaining());
      skip_value(wanted_, wanted_.child(record, i), in);
    }
    made.begins.push_back(made.whole.size() - in.remaining());
    return made;
  }

  void widen(schema_kind from, schema_kind to, decoder& in) {
    switch (from) {
      case schema_kind::i8:
        return put_as(to, in.get<std::int8_t>());
      case schema_kind::i16:
        return put_as(to, in.get<std::int16_t>());
      case schema_kind::i32:
        return put_as(to, in.get<std::int32_t>());
      case schema_kind::u8:
        return put_as(to, in.get<std::uint8_t>());
      case schema_kind::u16:
        return put_as(to, in.get<std::uint16_t>());
      case schema_kind::u32:
        return put_as(to, in.get<std::uint32_t>());
      case schema_kind::f32:
        return out_.put(static_cast<double>(in.get<float>()));
      default:
        detail::throw_invalid("two kinds of number do not fit");
    }
  }

  template <class N>
  void put_as(schema_kind to, N number) {
    switch (to) {
      case schema_kind::i16:
        return out_.put(static_cast<std::int16_t>(number));
      case schema_kind::i32:
        return out_.put(static_cast<std::int32_t>(number));
      case schema_kind::i64:
        return out_.put(static_cast<std::int64_t>(number));
      case schema_kind::u16:
        return out_.put(static_cast<std::uint16_t>(number));
      case schema_kind::u32:
        return out_.put(static_cast<std::uint32_t>(number));
      case schema_kind::u64:
        return out_.put(static_cast<std::uint64_t>(number));
      case schema_kind::f32:
        return out_.put(static_cast<float>(number));
      case schema_kind::f64:
        return out_.put(static_cast<double>(number));
      default:
        detail::throw_invalid("two kinds of number do not fit");
    }
  }

  const schema_tree& stored_;
  const schema_tree& wanted_;
  detail::buffer& out_;
  std::map<std::uint32_t, default_value> defaults_;  // by record, of `wanted`
};

}  // namespace
}  // namespace core

std::string schema::why_not_readable_as(const schema& wanted) const {
  return core::why_not_readable(tree(), wanted.tree());
}

std::vector<std::byte> detail::convert(decoder& in, const schema& stored, const schema& wanted) {
  if (const std::string reason = stored.why_not_readable_as(wanted); !reason.empty())
    throw error(errc::schema_mismatch, "codec: a stored value cannot be read as the type asked for: " + reason +
                                           "; give the field its old type or another name, or run the step again");
  detail::buffer out;
  core::converter(stored.tree(), wanted.tree(), out).value(0, 0, in);
  return out.take();
}

}  // namespace pawl
