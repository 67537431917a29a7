// Values into bytes and back, through the seam's function pointers.
#pragma once

#include "run/lane.hpp"
#include "store/backend.hpp"

#include <pawl/detail/erased.hpp>
#include <pawl/encoder.hpp>
#include <pawl/schema.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace pawl::core {

// An encoder over a buffer that grows and is reused.
class buffer_encoder final : public encoder {
public:
  void clear() noexcept { cursor_ = bytes_.data(); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {bytes_.data(), static_cast<std::size_t>(cursor_ - bytes_.data())};
  }

private:
  void make_room(std::size_t size) override;
  std::vector<std::byte> bytes_;
};

// Writes schema hash and value as the payload of the lane's open record; a large one goes to the backend
// first and the record then names it. Returns the encoded size. Throws what the codec throws (the record is
// still open: cancel it), and pawl::error of the backend.
// `stays`: the item's row will have the value for good (until it is done anew, that is).
// `check`: decodes the bytes again and compares (check_round_trip).
std::size_t write_payload(lane& into, backend& store, const detail::value_type& type, const void* value, bool stays,
                          bool check);
// The same for bytes encoded before: `encoded` starts with the schema hash.
void write_encoded_payload(lane& into, backend& store, std::span<const std::byte> encoded);

// Decodes `bytes` again and compares. Throws pawl::error(codec_failed) where the codec does not give back
// what it was given. `bytes` without the schema hash.
void check_round_trip(const detail::value_type& type, const void* value, std::span<const std::byte> bytes);

// The schemas of a state, parsed once each. Not thread-safe.
class schema_cache {
public:
  // The stored schema of that hash, or null where it is the type's own today. Throws pawl::error(damaged).
  const schema* find(std::uint64_t hash, const detail::value_type& type, snapshot& view);

private:
  std::map<std::uint64_t, std::unique_ptr<schema>> parsed_;
};

}  // namespace pawl::core
