#include "record/checkpoint.hpp"

namespace pawl::core {
namespace {

template <class Part>
Part read_part(const std::byte* from) noexcept {
  Part part;
  std::memcpy(&part, from, sizeof part);
  return part;
}

constexpr std::uint32_t sequence_mask = (std::uint32_t{1} << packed::sequence_bits) - 1;

std::uint32_t sequence_of(const packed_header& front) noexcept {
  return (static_cast<std::uint32_t>(front.at_and_sequence) & sequence_mask) << 16 | front.sequence;
}

bool has_more(const packed_header& front) noexcept { return (front.flags_and_more & packed::more) != 0; }

bool ends_item(const packed_header& front) noexcept {
  switch (front.kind) {
    case checkpoint_kind::completed:
    case checkpoint_kind::reset: return (front.flags_and_more & checkpoint_flag::last) != 0;
    case checkpoint_kind::failed:
    case checkpoint_kind::skipped: return true;
    default: return false;
  }
}

}  // namespace

std::byte* pack(const checkpoint_header& header, std::size_t text_size, std::byte* into) noexcept {
  const bool more = needs_more(header, text_size);
  packed_header front;
  front.size_and_padding = 0;
  front.kind = header.kind;
  front.flags_and_more = header.flags | (more ? packed::more : std::uint8_t{0});
  front.step = header.step;
  front.address = address_of(header.workflow, header.item);
  front.at_and_sequence = header.at_us << packed::sequence_bits | (header.sequence >> 16 & sequence_mask);
  front.detail = static_cast<std::uint32_t>(header.detail);
  front.revision = header.revision;
  front.sequence = static_cast<std::uint16_t>(header.sequence);
  std::memcpy(into, &front, sizeof front);
  into += sizeof front;
  if (!more) return into;
  const packed_more rest{static_cast<std::uint32_t>(text_size), header.attempt, header.generation, header.sequence,
                         header.detail};
  std::memcpy(into, &rest, sizeof rest);
  return into + sizeof rest;
}

std::uint32_t seal_record(std::byte* record, std::size_t used) noexcept {
  const auto padding = static_cast<std::uint32_t>(-used & packed::padding_mask);
  std::memset(record + used, 0, padding);
  const std::uint32_t size = static_cast<std::uint32_t>(used) + padding;
  const std::uint32_t both = size | padding;
  std::memcpy(record, &both, sizeof both);
  return size;
}

checkpoint checkpoint_at(const std::byte* bytes) noexcept {
  const auto front = read_part<packed_header>(bytes);
  checkpoint one;
  checkpoint_header& header = one.header;
  const std::uint32_t padding = front.size_and_padding & packed::padding_mask;
  header.size = front.size_and_padding - padding;
  header.text_size = 0;
  header.kind = front.kind;
  header.flags = front.flags_and_more & static_cast<std::uint8_t>(~packed::more);
  header.workflow = workflow_of_address(front.address);
  header.revision = front.revision;
  header.step = front.step;
  header.attempt = 1;
  header.generation = 0;
  header.sequence = sequence_of(front);
  header.item = item_of_address(front.address);
  header.at_us = front.at_and_sequence >> packed::sequence_bits;
  header.detail = front.detail;
  std::size_t at = sizeof front;
  if (has_more(front)) {
    const auto rest = read_part<packed_more>(bytes + at);
    header.text_size = rest.text_size;
    header.attempt = rest.attempt;
    header.generation = rest.generation;
    header.sequence = rest.sequence;
    header.detail = rest.detail;
    at += sizeof rest;
  }
  header.payload_size = header.size - padding - static_cast<std::uint32_t>(at) - header.text_size;
  one.text = {reinterpret_cast<const char*>(bytes) + at, header.text_size};
  one.payload = {bytes + at + header.text_size, header.payload_size};
  return one;
}

std::optional<record_place> place_of_record(const std::byte* bytes, std::size_t left) noexcept {
  if (left < sizeof(packed_header)) return std::nullopt;
  const auto front = read_part<packed_header>(bytes);
  const std::uint32_t padding = front.size_and_padding & packed::padding_mask;
  const std::uint32_t size = front.size_and_padding - padding;
  std::uint64_t used = sizeof front + std::uint64_t{padding};
  std::uint32_t sequence = sequence_of(front);
  if (has_more(front)) {
    used += sizeof(packed_more);
    if (left < used) return std::nullopt;
    const auto rest = read_part<packed_more>(bytes + sizeof front);
    used += rest.text_size;
    sequence = rest.sequence;
  }
  if (size > left || used > size) return std::nullopt;
  return record_place{size, sequence, front.address, front.kind == checkpoint_kind::admitted, ends_item(front)};
}

}  // namespace pawl::core
