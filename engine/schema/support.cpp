// What the coders in include/pawl/detail/ share and need no type for: counts,
// sentences of errors, the growing buffer and the order of unordered keys.
#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include "schema/tree.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace pawl {
namespace {

constexpr const char* what_to_do =
    "; the stored bytes are damaged, or were written by a program whose type was another one under the same schema";

}  // namespace

void decoder::throw_short(std::size_t wanted) const {
  throw error(errc::codec_failed, "codec: a value ends too early: " + std::to_string(wanted) +
                                      " more bytes were expected and " + std::to_string(remaining()) + " are left" +
                                      what_to_do);
}

namespace detail {

static_assert(core::value_nesting_max == nesting_max);

void throw_invalid(const char* what) {
  throw error(errc::codec_failed, std::string("codec: the bytes are no value: ") + what + what_to_do);
}

void throw_unencodable(const char* what) {
  throw error(errc::codec_failed, std::string("codec: a value cannot be encoded: ") + what);
}

void throw_too_deep() {
  throw error(errc::codec_failed, "codec: a value of a recursive type is nested deeper than 200 levels; store it flat");
}

void throw_if_bytes_remain(const decoder& in) {
  if (in.remaining() != 0)
    throw error(errc::codec_failed,
                "codec: " + std::to_string(in.remaining()) + " bytes are left over behind a value" + what_to_do);
}

void put_count(encoder& out, std::size_t count) {
  if (count > std::numeric_limits<std::uint32_t>::max())
    throw error(errc::too_large, "codec: a container has " + std::to_string(count) +
                                     " elements and 4294967295 is the most that can be encoded; split the value");
  out.put(static_cast<std::uint32_t>(count));
}

std::size_t get_count(decoder& in, std::size_t element_min) {
  const std::size_t count = in.get<std::uint32_t>();
  if (count > in.remaining() / element_min)
    throw error(errc::codec_failed, "codec: a container claims " + std::to_string(count) + " elements and only " +
                                        std::to_string(in.remaining()) + " bytes are left" + what_to_do);
  return count;
}

std::size_t reserve_count(std::size_t count, std::size_t element_size, const decoder& in) {
  return std::min(count, 1 + in.remaining() / element_size * 16);
}

void get_nothing(decoder& in) {
  if (in.get<std::uint8_t>() != 0) throw_invalid("a value without content is not a zero byte");
}

bool get_flag(decoder& in) {
  const auto byte = in.get<std::uint8_t>();
  if (byte > 1) throw_invalid("a bool, or whether there is a value, is neither 0 nor 1");
  return byte == 1;
}

std::size_t get_index(decoder& in, std::size_t alternatives) {
  const auto index = in.get<std::uint8_t>();
  if (index >= alternatives) throw_invalid("the index of a variant is out of range");
  return index;
}

std::vector<std::byte> buffer::take() {
  memory_.resize(size());
  auto taken = std::move(memory_);
  memory_ = {};
  cursor_ = end_ = nullptr;
  return taken;
}

void buffer::make_room(std::size_t more) {
  constexpr std::size_t limit = std::size_t{1} << 30;
  const std::size_t used = size();
  if (more > limit - used)
    throw error(errc::too_large, "codec: an encoded value outgrows 1 GiB; split it, or store a reference to it");
  memory_.resize(std::min(limit, std::max({used + more, used * 2, std::size_t{64}})));
  cursor_ = memory_.data() + used;
  end_ = memory_.data() + memory_.size();
}

void sort_by_key(std::vector<keyed_element>& elements, const buffer& keys) {
  const std::byte* bytes = keys.bytes().data();
  std::sort(elements.begin(), elements.end(), [bytes](const keyed_element& a, const keyed_element& b) {
    const std::size_t common = std::min(a.size, b.size);
    const int order = common == 0 ? 0 : std::memcmp(bytes + a.begin, bytes + b.begin, common);
    return order != 0 ? order < 0 : a.size < b.size;
  });
}

}  // namespace detail
}  // namespace pawl
