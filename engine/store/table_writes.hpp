// What a group of transactional calls has written, before it is committed.
//
// One ordered map for the group: each key once, however often it was written, and
// in the order in which storage wants them. Of the call under way it remembers
// what its keys held before, so that a call that fails leaves nothing; what is
// committed stays here until the commit has returned.
//
// Keys are whole (store/tables.hpp): a table's number and a typed key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::core {

class table_writes {
public:
  struct change {
    std::string value;    // encoded
    bool erased = false;
  };
  using changes = std::map<std::string, change, std::less<>>;

  void put(std::string_view key, std::span<const std::byte> value) {
    change& now = touch(key);
    now.erased = false;
    now.value.assign(reinterpret_cast<const char*>(value.data()), value.size());
    bytes_ += key.size() + value.size();
  }
  void erase(std::string_view key) {
    change& now = touch(key);
    now.erased = true;
    now.value.clear();
    bytes_ += key.size();
  }
  [[nodiscard]] const change* find(std::string_view key) const {
    const auto found = changes_.find(key);
    return found != changes_.end() ? &found->second : nullptr;
  }
  [[nodiscard]] const changes& all() const noexcept { return changes_; }

  // What was written since the last keep() or undo() stays, or was never written.
  void keep() noexcept {
    before_.clear();
    kept_bytes_ = bytes_;
  }
  void undo() {
    for (; !before_.empty(); before_.pop_back()) {
      former& last = before_.back();
      if (last.existed) last.at->second = std::move(last.was);
      else changes_.erase(last.at);
    }
    bytes_ = kept_bytes_;
  }
  // Of the call under way.
  [[nodiscard]] std::size_t unkept() const noexcept { return before_.size(); }
  [[nodiscard]] std::uint64_t unkept_bytes() const noexcept { return bytes_ - kept_bytes_; }
  // Of all: written, which is at least what is held.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  struct former {
    changes::iterator at;
    change was;
    bool existed;
  };

  change& touch(std::string_view key) {
    auto at = changes_.lower_bound(key);
    const bool existed = at != changes_.end() && at->first == key;
    if (!existed) at = changes_.emplace_hint(at, key, change{});
    before_.push_back({at, std::move(at->second), existed});  // it is about to be written over
    return at->second;
  }

  changes changes_;
  std::vector<former> before_;  // oldest first
  std::uint64_t bytes_ = 0;
  std::uint64_t kept_bytes_ = 0;
};

}  // namespace pawl::core
