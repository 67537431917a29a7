// Writes groups of checkpoints for tests of what stands below the run.
#pragma once

#include "record/checkpoint.hpp"
#include "record/key.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::test {

inline std::string text_key(std::string_view text) { return std::string(1, core::key_tag_text).append(text); }

// A payload as it stands in a checkpoint: schema hash, then the encoded value.
inline std::string payload_of(std::uint64_t schema, std::string_view value) {
  std::string bytes(sizeof schema, '\0');
  std::memcpy(bytes.data(), &schema, sizeof schema);
  return bytes.append(value);
}
inline std::string payload_of(const core::large_object& named) {
  return {reinterpret_cast<const char*>(&named), sizeof named};
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What tests say of a checkpoint; the rest has a plain value.
struct said {
  std::uint64_t item = 0;
  std::uint32_t sequence = 1;
  std::uint16_t step = 0;
  std::string text = {};
  std::string payload = {};
  std::uint8_t flags = 0;
  std::uint64_t detail = 0;
  std::uint32_t attempt = 1;
  std::uint16_t revision = 0;
  std::uint32_t generation = 0;
  std::uint16_t workflow = 1;
  std::uint64_t at_us = 0;  // 0: some time
};

class checkpoint_group {
public:
  checkpoint_group& add(core::checkpoint_kind kind, const said& what) {
    core::checkpoint_header header{};
    header.kind = kind;
    header.flags = what.flags;
    header.workflow = what.workflow;
    header.revision = what.revision;
    header.step = what.step;
    header.attempt = what.attempt;
    header.generation = what.generation;
    header.sequence = what.sequence;
    header.item = what.item;
    header.at_us = what.at_us != 0 ? what.at_us : 1'700'000'000'000'000u + what.sequence * std::uint64_t{1000};
    header.detail = what.detail;
    const std::size_t used = core::packed_size(header, what.text.size()) + what.text.size() + what.payload.size();
    const std::size_t at = words_.size();
    words_.resize(at + (used + 7) / 8);
    auto* const record = reinterpret_cast<std::byte*>(words_.data() + at);
    std::byte* into = core::pack(header, what.text.size(), record);
    into = std::copy_n(reinterpret_cast<const std::byte*>(what.text.data()), what.text.size(), into);
    std::copy_n(reinterpret_cast<const std::byte*>(what.payload.data()), what.payload.size(), into);
    core::seal_record(record, used);
    return *this;
  }
  checkpoint_group& admitted(const said& what) { return add(core::checkpoint_kind::admitted, what); }
  checkpoint_group& completed(const said& what) { return add(core::checkpoint_kind::completed, what); }
  checkpoint_group& attempt_failed(const said& what) { return add(core::checkpoint_kind::attempt_failed, what); }
  checkpoint_group& failed(const said& what) { return add(core::checkpoint_kind::failed, what); }
  checkpoint_group& skipped(const said& what) { return add(core::checkpoint_kind::skipped, what); }
  checkpoint_group& reset(const said& what) { return add(core::checkpoint_kind::reset, what); }
  checkpoint_group& interrupted(const said& what) { return add(core::checkpoint_kind::interrupted, what); }

  [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span{words_}); }
  // The one checkpoint in it.
  [[nodiscard]] core::checkpoint only() const { return core::checkpoint_at(bytes().data()); }

private:
  std::vector<std::uint64_t> words_;
};

}  // namespace pawl::test
