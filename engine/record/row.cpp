#include "record/row.hpp"

#include "record/bytes.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <limits>
#include <string>

namespace pawl::core {
namespace {

constexpr std::uint8_t state_mask = 7;
constexpr std::uint8_t flag_sticky = 8;
constexpr std::uint8_t flag_input_is_key = 16;
constexpr std::uint8_t flag_trouble = 32;
constexpr std::uint8_t flag_started = 64;
constexpr std::uint8_t flags_known = state_mask | flag_sticky | flag_input_is_key | flag_trouble | flag_started;
constexpr std::uint8_t keep_bit = 4;
constexpr std::uint8_t place_mask = 3;
constexpr std::size_t values_max = 1 + std::numeric_limits<std::uint16_t>::max();

[[noreturn]] void throw_damaged(item_address address, const char* what) {
  throw error(errc::damaged, "record: the row of item " + std::to_string(item_of_address(address)) + " of workflow " +
                                 std::to_string(workflow_of_address(address)) + " " + what +
                                 "; the state is damaged: run `pawl verify` on it or restore a backup");
}

std::uint32_t checksum(std::span<const std::byte> bytes, item_address address) noexcept {
  return crc32c(bytes.subspan(sizeof(std::uint32_t)), crc32c(std::as_bytes(std::span{&address, 1})));
}

void read_head(byte_reader& in, row& into, std::uint8_t flags) noexcept {
  into.state = static_cast<item_state>(flags & state_mask);
  into.sticky = (flags & flag_sticky) != 0;
  into.input_is_key = (flags & flag_input_is_key) != 0;
  into.started = (flags & flag_started) != 0;
  into.revision = in.fixed<std::uint16_t>();
  into.reached = in.fixed<std::uint16_t>();
  into.result_number = in.fixed<std::uint16_t>();
  into.sequence = in.fixed<std::uint32_t>();
  into.input_digest = in.fixed<std::uint64_t>();
  into.updated_us = in.fixed<std::uint64_t>();
  into.generation = in.varint_as<std::uint32_t>();
  into.key = in.text(in.varint());
}

bool read_value(byte_reader& in, row_value& into) noexcept {
  const std::uint64_t tag = in.varint();
  if (tag >> 3 > std::numeric_limits<std::uint16_t>::max()) return false;
  if ((tag & place_mask) > static_cast<std::uint8_t>(value_place::file)) return false;
  into.number = static_cast<std::uint16_t>(tag >> 3);
  into.keep = (tag & keep_bit) != 0;
  into.place = static_cast<value_place>(tag & place_mask);
  into.size = in.varint();
  into.schema_hash = in.fixed<std::uint64_t>();
  if (into.size > max_payload_size) return false;
  if (into.place == value_place::in_row) {
    into.bytes = in.take(into.size);
  } else {
    into.crc = in.fixed<std::uint32_t>();
    if (into.place == value_place::file) {
      into.epoch = in.varint();
      into.file_number = in.varint();
    }
  }
  return !in.failed();
}

bool read_values(byte_reader& in, row& into) {
  const std::uint64_t count = in.varint();
  if (count > values_max) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    row_value one;
    if (!read_value(in, one)) return false;
    if (!into.values.empty() && into.values.back().number >= one.number) return false;
    into.values.push_back(one);
  }
  return into.result_number == 0 || into.value(into.result_number) != nullptr;
}

bool read_times(byte_reader& in, row& into) {
  const std::uint64_t count = in.varint();
  if (count > in.remaining()) return false;
  into.times.resize(static_cast<std::size_t>(count));
  std::uint64_t previous = into.updated_us;
  for (std::size_t i = into.times.size(); i-- > 0;) {
    row_times& one = into.times[i];
    previous -= unzigzag(in.varint());
    one.ended_us = previous;
    const std::uint64_t took = in.varint();
    one.took_ns = took >> 1;
    one.attempts = (took & 1) != 0 ? in.varint_as<std::uint32_t>() : 1;
  }
  return true;
}

bool unfinished(item_state state) noexcept { return state == item_state::pending || state == item_state::in_progress; }

// What follows the times of a row: zeros up to the next multiple, where the item is unfinished.
bool only_slack(byte_reader& in, item_state state) {
  if (in.remaining() == 0) return true;
  if (!unfinished(state) || in.remaining() >= slack_multiple) return false;
  const auto slack = in.take(in.remaining());
  return std::all_of(slack.begin(), slack.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Rows that are rewritten step by step keep one length, so that LMDB overwrites them in place instead of
// splitting the full pages that appending left.
void write_slack(byte_writer& out, const std::byte* begin, item_state state) {
  static constexpr std::byte zeros[slack_multiple]{};
  const auto size = static_cast<std::size_t>(out.cursor() - begin);
  if (unfinished(state) && size <= slack_size_max)
    out.bytes(zeros, (slack_multiple - size % slack_multiple) % slack_multiple);
}

std::size_t size_bound(const row& from) noexcept {
  std::size_t size = row_fixed_size + from.key.size() + from.error.size() + 7 * varint_size_max;
  for (const row_value& one : from.values)
    size += one.bytes.size() + 4 * varint_size_max + sizeof(std::uint64_t) + sizeof(std::uint32_t);
  return size + from.times.size() * 3 * varint_size_max + slack_multiple;
}

void write_value(byte_writer& out, const row_value& one) noexcept {
  out.varint(std::uint64_t{one.number} << 3 | (one.keep ? keep_bit : 0u) | static_cast<std::uint8_t>(one.place));
  out.varint(one.size);
  out.fixed(one.schema_hash);
  if (one.place == value_place::in_row) return out.bytes(one.bytes.data(), one.bytes.size());
  out.fixed(one.crc);
  if (one.place == value_place::chunks) return;
  out.varint(one.epoch);
  out.varint(one.file_number);
}

void write_times(byte_writer& out, const row& from) noexcept {
  out.varint(from.times.size());
  std::uint64_t previous = from.updated_us;
  for (std::size_t i = from.times.size(); i-- > 0;) {
    const row_times& one = from.times[i];
    out.varint(zigzag(previous - one.ended_us));
    previous = one.ended_us;
    out.varint(one.took_ns << 1 | (one.attempts != 1 ? 1u : 0u));
    if (one.attempts != 1) out.varint(one.attempts);
  }
}

}  // namespace

void row::clear() noexcept {
  auto old_values = std::move(values);
  auto old_times = std::move(times);
  old_values.clear();
  old_times.clear();
  *this = row{};
  values = std::move(old_values);
  times = std::move(old_times);
}

const row_value* row::value(std::uint16_t number) const noexcept {
  for (const row_value& one : values)
    if (one.number == number) return &one;
  return nullptr;
}

row_value* row::value(std::uint16_t number) noexcept {
  return const_cast<row_value*>(static_cast<const row*>(this)->value(number));
}

void row::set_value(const row_value& fresh) {
  const auto at =
      std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.number >= fresh.number; });
  if (at != values.end() && at->number == fresh.number)
    *at = fresh;
  else
    values.insert(at, fresh);
}

void read_row(std::span<const std::byte> bytes, item_address address, row_part part, row& into) {
  into.clear();
  if (bytes.size() < row_fixed_size) throw_damaged(address, "is cut off");
  byte_reader in(bytes);
  if (in.fixed<std::uint32_t>() != checksum(bytes, address)) throw_damaged(address, "does not match its checksum");
  if (in.fixed<std::uint8_t>() != row_format) throw_damaged(address, "has a format that this release does not know");
  const auto flags = in.fixed<std::uint8_t>();
  if ((flags & ~flags_known) != 0 || (flags & state_mask) > static_cast<std::uint8_t>(item_state::skipped))
    throw_damaged(address, "has a state that does not exist");
  read_head(in, into, flags);
  if (in.failed() || into.sequence == 0) throw_damaged(address, "contradicts itself");
  if (part == row_part::head) return;
  if ((flags & flag_trouble) != 0) {
    into.attempts = in.varint_as<std::uint32_t>();
    into.delay_ns = in.varint();
    into.error = in.text(in.varint());
  }
  if (!read_values(in, into) || !read_times(in, into) || in.failed() || !only_slack(in, into.state))
    throw_damaged(address, "contradicts itself");
}

std::string_view peek_row_key(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < row_fixed_size || static_cast<std::uint8_t>(bytes[4]) != row_format) return {};
  byte_reader in(bytes.subspan(row_fixed_size));
  static_cast<void>(in.varint());
  return in.text(in.varint());
}

std::span<const std::byte> write_row(const row& from, item_address address, std::vector<std::byte>& room) {
  const std::size_t bound = size_bound(from);
  if (room.size() < bound) room.resize(bound * 2);
  const bool trouble = from.attempts != 0 || from.delay_ns != 0 || !from.error.empty();
  byte_writer out(room.data());
  out.fixed(std::uint32_t{0});
  out.fixed(row_format);
  out.fixed(static_cast<std::uint8_t>(static_cast<unsigned>(from.state) | (from.sticky ? flag_sticky : 0u) |
                                      (from.input_is_key ? flag_input_is_key : 0u) | (trouble ? flag_trouble : 0u) |
                                      (from.started ? flag_started : 0u)));
  out.fixed(from.revision);
  out.fixed(from.reached);
  out.fixed(from.result_number);
  out.fixed(from.sequence);
  out.fixed(from.input_digest);
  out.fixed(from.updated_us);
  out.varint(from.generation);
  out.varint(from.key.size());
  out.bytes(from.key.data(), from.key.size());
  if (trouble) {
    out.varint(from.attempts);
    out.varint(from.delay_ns);
    out.varint(from.error.size());
    out.bytes(from.error.data(), from.error.size());
  }
  out.varint(from.values.size());
  for (const row_value& one : from.values) write_value(out, one);
  write_times(out, from);
  write_slack(out, room.data(), from.state);
  const std::span<const std::byte> bytes{room.data(), static_cast<std::size_t>(out.cursor() - room.data())};
  byte_writer(room.data()).fixed(checksum(bytes, address));
  return bytes;
}

}  // namespace pawl::core
