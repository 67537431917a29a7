// Typed tables inside a state, written by transactional steps (step.hpp).
//
//   inline constexpr pawl::table<"accounts", std::string, std::int64_t> accounts;
//
//   pawl::transactional<"book">([](const order& what, pawl::transaction& tx) {
//     tx.put(accounts, what.from, tx.get(accounts, what.from).value_or(0) - what.cents);
//     tx.put(accounts, what.to, tx.get(accounts, what.to).value_or(0) + what.cents);
//   })
//
//   const pawl::table_view view = engine.view();       // from outside, one moment
//   for (const auto& [name, cents] : view.scan(accounts)) ...
//
// A table belongs to the state, not to a workflow: several may write to it. It is
// made by the first write. Its name, and the schemas of its keys and values, are
// recorded with it: opened with other types it is refused (schema_mismatch).
#pragma once

#include <pawl/codec.hpp>
#include <pawl/detail/buffer.hpp>
#include <pawl/detail/fixed_string.hpp>
#include <pawl/detail/table.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pawl {

/// A table of the state: ordered entries, one value for each key. An empty type; make one constant of it.
///
/// Key: std::string (at most 508 bytes, ordered by bytes) or an integer or enum (ordered as numbers).
/// Value: any type with a codec, encoded at most 1 MiB; up to 1,400 bytes lie with their key, longer ones in pieces.
template <detail::fixed_string Name, class Key, class Value>
struct table {
  static_assert(Name.size() > 0, "pawl: the name of a table is empty; its entries are stored under it");
  static_assert(detail::is_table_key<Key>, "pawl: the key of a table is std::string, an integer or an enum");
  static_assert(has_codec_v<Value>, "pawl: the values of a table need a codec");
  using key_type = Key;
  using value_type = Value;
  static constexpr auto name = Name;
  static constexpr detail::table_desc desc{Name.view(), &schema_of<Key>, &schema_of<Value>};
};

template <class Key, class Value>
struct table_entry {
  Key key;
  Value value;
};

/// Entries in the order of their keys: an input range, to be walked once, read as it is walked.
template <class Key, class Value>
class table_range {
public:
  class iterator {
  public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = table_entry<Key, Value>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(table_range* range) : range_(range) { ++*this; }
    [[nodiscard]] table_entry<Key, Value>& operator*() const noexcept { return *range_->current_; }
    [[nodiscard]] table_entry<Key, Value>* operator->() const noexcept { return &*range_->current_; }
    iterator& operator++() {
      if (!range_->advance()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return at.range_ == nullptr; }

  private:
    table_range* range_ = nullptr;
  };

  table_range(detail::table_source& source, const detail::table_desc& desc, std::string from,
              std::optional<std::string> to)
      : source_(&source), desc_(&desc), at_(std::move(from)), to_(std::move(to)) {}
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return std::default_sentinel; }

private:
  bool advance() {
    std::span<const std::byte> value;
    if (!source_->seek(*desc_, at_, std::exchange(began_, true), value) || (to_ && at_ >= *to_)) return false;
    current_.emplace(table_entry<Key, Value>{detail::key_of_bytes<Key>(at_), pawl::decode<Value>(value)});
    return true;
  }

  detail::table_source* source_;
  const detail::table_desc* desc_;
  std::string at_;
  std::optional<std::string> to_;
  bool began_ = false;
  std::optional<table_entry<Key, Value>> current_;
};

/// What can be read: the common part of a transaction and of a view. One thread at a time. Errors are pawl::error:
/// schema_mismatch for a table that is recorded with other types, too_large for a text key above 508 bytes, damaged.
class table_reader {
public:
  table_reader(const table_reader&) = delete;
  table_reader& operator=(const table_reader&) = delete;

  /// The value of this key, or nothing.
  template <detail::fixed_string Name, class Key, class Value>
  [[nodiscard]] std::optional<Value> get(const table<Name, Key, Value>& of,
                                         const detail::table_key_given<Key>& key) const {
    std::span<const std::byte> bytes;
    std::optional<Value> found;
    if (source_->get(of.desc, detail::bytes_of_key<Key>(key), bytes)) found.emplace(pawl::decode<Value>(bytes));
    return found;
  }

  /// All entries; those from a key on; those from a key up to (and without) another one. This reader, and whatever it
  /// came from, must outlive the range. What a transaction writes meanwhile, its range sees where it has not passed.
  template <detail::fixed_string Name, class Key, class Value>
  [[nodiscard]] table_range<Key, Value> scan(const table<Name, Key, Value>& of) const {
    return {*source_, of.desc, {}, std::nullopt};
  }
  template <detail::fixed_string Name, class Key, class Value>
  [[nodiscard]] table_range<Key, Value> scan(const table<Name, Key, Value>& of,
                                             const detail::table_key_given<Key>& from) const {
    return {*source_, of.desc, detail::bytes_of_key<Key>(from), std::nullopt};
  }
  template <detail::fixed_string Name, class Key, class Value>
  [[nodiscard]] table_range<Key, Value> scan(const table<Name, Key, Value>& of,
                                             const detail::table_key_given<Key>& from,
                                             const detail::table_key_given<Key>& to) const {
    return {*source_, of.desc, detail::bytes_of_key<Key>(from), detail::bytes_of_key<Key>(to)};
  }

protected:
  explicit table_reader(detail::table_source& source) : source_(&source) {}
  ~table_reader() = default;

  detail::table_source* source_;
};

/// All tables as they were at one moment: engine::view(). It holds that moment for as long as it lives, and with it
/// room in the state that could be used again: let it go soon. A table that is not there is empty.
class table_view final : public table_reader {
public:
  explicit table_view(std::unique_ptr<detail::table_source> source) : table_reader(*source), owner_(std::move(source)) {}
  table_view(table_view&& other) noexcept : table_reader(*other.source_), owner_(std::move(other.owner_)) {}

private:
  std::unique_ptr<detail::table_source> owner_;
};

/// The tables as one call of a transactional step sees and changes them: with what it wrote itself, what the items
/// before it wrote, and nothing of what fails. Lives until the step returns; used by the thread of that call only.
class transaction : public table_reader {
public:
  explicit transaction(detail::table_sink& sink) : table_reader(sink), sink_(&sink) {}

  /// Sets the value of this key. Throws pawl::error(too_large) for a value that encodes to more than 1 MiB, and where
  /// one call writes more than 50,000 entries or 64 MiB.
  template <detail::fixed_string Name, class Key, class Value>
  void put(const table<Name, Key, Value>& into, const detail::table_key_given<Key>& key,
           const std::type_identity_t<Value>& value) {
    bytes_.clear();
    pawl::encode<Value>(value, bytes_);
    sink_->put(into.desc, detail::bytes_of_key<Key>(key), bytes_.bytes());
  }

  /// False where there is no such entry.
  template <detail::fixed_string Name, class Key, class Value>
  bool erase(const table<Name, Key, Value>& from, const detail::table_key_given<Key>& key) {
    return sink_->erase(from.desc, detail::bytes_of_key<Key>(key));
  }

private:
  detail::table_sink* sink_;
  detail::buffer bytes_;  // reused
};

}  // namespace pawl
