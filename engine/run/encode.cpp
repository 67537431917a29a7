#include "run/encode.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <string>

namespace pawl::core {

void buffer_encoder::make_room(std::size_t size) {
  const auto used = static_cast<std::size_t>(cursor_ - bytes_.data());
  if (size > max_payload_size + 4096 - std::min(used, max_payload_size + 4096))
    throw error(errc::too_large, "codec: a value encodes to more than 1 GiB, the largest that pawl stores");
  bytes_.resize(std::max(used + size, bytes_.size() * 2));
  cursor_ = bytes_.data() + used;
  end_ = bytes_.data() + bytes_.size();
}

namespace {

void store_large(lane& into, backend& store) {
  const std::span<const std::byte> encoded = into.payload_bytes();
  std::uint64_t hash;
  std::memcpy(&hash, encoded.data(), sizeof hash);
  const large_object large = store.store_large(hash, encoded.subspan(sizeof hash));
  into.mark_large();
  into.replace_payload(std::as_bytes(std::span{&large, 1}));
}

}  // namespace

void check_round_trip(const detail::value_type& type, const void* value, std::span<const std::byte> bytes) {
  const std::align_val_t align{type.align};
  struct freer {
    std::align_val_t align;
    void operator()(void* storage) const noexcept { ::operator delete(storage, align); }
  };
  const std::unique_ptr<void, freer> storage(::operator new(type.size, align), freer{align});
  decoder in(bytes);
  type.decode(storage.get(), in, nullptr);
  buffer_encoder again;
  bool same = true;
  try {
    type.encode(storage.get(), again);
    same = std::ranges::equal(again.bytes(), bytes) && (type.same == nullptr || type.same(value, storage.get()));
  } catch (...) {
    if (type.destroy != nullptr) type.destroy(storage.get());
    throw;
  }
  if (type.destroy != nullptr) type.destroy(storage.get());
  if (!same)
    throw error(errc::codec_failed, "codec: a value of type " + std::string(type.cpp_name) +
                                        " is not the same after encoding and decoding; a resumed item would go on with "
                                        "another value; mend pawl::codec<T> or the type's operator==");
}

std::size_t write_payload(lane& into, backend& store, const detail::value_type& type, const void* value, bool stays,
                          bool check) {
  into.payload().put(type.describe().hash());
  type.encode(value, into.payload());
  const std::span<const std::byte> bytes = into.payload_bytes();
  const std::size_t size = bytes.size();
  if (check) check_round_trip(type, value, bytes.subspan(sizeof(std::uint64_t)));
  const bool large = stays && size - sizeof(std::uint64_t) > store.staying_threshold();
  if (large || into.spilled()) store_large(into, store);
  return size;
}

void write_encoded_payload(lane& into, backend& store, std::span<const std::byte> encoded) {
  into.payload().write(encoded.data(), encoded.size());
  if (into.spilled()) store_large(into, store);
}

const schema* schema_cache::find(std::uint64_t hash, const detail::value_type& type, snapshot& view) {
  if (hash == type.describe().hash()) return nullptr;
  auto found = parsed_.find(hash);
  if (found == parsed_.end()) {
    const std::string canonical = view.schema(hash);
    if (canonical.empty())
      throw error(errc::damaged, "resume: a stored value has a schema that is not recorded; run `pawl verify` on the state");
    found = parsed_.emplace(hash, std::make_unique<schema>(schema::parse(canonical))).first;
  }
  return found->second.get();
}

}  // namespace pawl::core
