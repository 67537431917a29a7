// The seam below typed tables: names, schemas and bytes; no C++ types, no policy.
//
// Keys cross it as typed keys (engine/record/key.hpp), whose bytes sort as the
// keys do; values as their codec wrote them.
#pragma once

#include <pawl/detail/erased.hpp>
#include <pawl/detail/key.hpp>
#include <pawl/schema.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace pawl::detail {

/// What is recorded of a table. One static object per type of table.
struct table_desc {
  std::string_view name;
  const schema& (*key)();
  const schema& (*value)();
};

/// Tables to be read. One thread at a time. Throws pawl::error: schema_mismatch where the table is recorded with other
/// types, too_large for a key that is too long, damaged, io.
class table_source {
public:
  virtual ~table_source() = default;
  /// The value, which lives until the next call; false where there is none.
  virtual bool get(const table_desc& table, std::string_view key, std::span<const std::byte>& value) = 0;
  /// The entry with the least key that is not below `key` (`behind`: that is above it), which replaces `key`; false
  /// where there is none.
  virtual bool seek(const table_desc& table, std::string& key, bool behind, std::span<const std::byte>& value) = 0;
};

/// Tables to be read and written. A table is made where there is none of its name.
class table_sink : public table_source {
public:
  virtual void put(const table_desc& table, std::string_view key, std::span<const std::byte> value) = 0;
  /// False where there was none.
  virtual bool erase(const table_desc& table, std::string_view key) = 0;
};

/// A key as typed bytes. Compiled.
class table_key final : public key_sink {
public:
  void number(bool negative, std::uint64_t twos_complement) override;
  void text(std::string_view bytes) override;
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
  std::string bytes_;
};
/// The halves of a typed key: of a number `text` is empty, of text `number` is 0. Compiled; throws damaged.
void split_table_key(std::string_view typed_key, std::uint64_t& number, std::string_view& text);

template <class K>
inline constexpr bool is_table_key = std::is_same_v<K, std::string> || number_key<K>;
/// What a key is given as.
template <class K>
using table_key_given = std::conditional_t<std::is_same_v<K, std::string>, std::string_view, K>;

template <class K>
[[nodiscard]] std::string bytes_of_key(const table_key_given<K>& key) {
  table_key written;
  write_key(key, written);
  return written.bytes();
}

template <class K>
[[nodiscard]] K key_of_bytes(std::string_view typed_key) {
  std::uint64_t number = 0;
  std::string_view text;
  split_table_key(typed_key, number, text);
  if constexpr (std::is_same_v<K, std::string>) {
    return std::string(text);
  } else {
    alignas(K) std::byte room[sizeof(K)];
    input_from_own_key<K>(room, number, text);
    return *std::launder(reinterpret_cast<const K*>(room));
  }
}

}  // namespace pawl::detail
