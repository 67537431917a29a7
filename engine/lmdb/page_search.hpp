// Finding many keys at once, for a run whose keys come in no order.
//
// A search for one key waits for memory a dozen times, for each access depends on
// the one before; with millions of items nearly all of a look-up is such waiting.
// LMDB searches for one key at a time. Here those of a group are taken down the
// tree step by step together, and what each needs next is on its way from memory
// while the others make their step.
//
// That takes reading LMDB's pages. They are those of the caller's snapshot, which
// nobody changes while it lives, and their format is that of every LMDB 0.9. All the
// same what is found is a hint: whoever takes it must check it, against a checksum
// that covers it, and whatever is not found must be asked for in LMDB's own way. No
// damaged page makes it read outside of the map.
#pragma once

#include "lmdb/transaction.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

struct page_search_key {
  std::span<const std::byte> key;
  std::span<const std::byte> value;  // found; lives as long as the snapshot. Empty: not found
};

class page_search {
public:
  // Sets `value` of each key as far as it finds it in this sub-database, values in overflow pages apart.
  // An empty key is never found.
  void find(const read_transaction& txn, std::string_view sub_database, std::span<page_search_key> wanted);

private:
  // One search: the node of a page behind which its key lies, and how many are left to choose among.
  struct place {
    const std::byte* page = nullptr;  // null: given up
    std::uint32_t first = 0;
    std::uint32_t left = 0;
    const std::byte* key = nullptr;
    std::size_t key_size = 0;
  };
  struct tree {
    const std::byte* map = nullptr;  // page 0
    std::size_t page_size = 0;
    std::uint64_t pages = 0;
    std::uint64_t root = 0;
    unsigned depth = 0;
  };

  [[nodiscard]] static bool find_tree(const read_transaction& txn, std::string_view name, tree& into);
  static void enter(const tree& in, place& one, unsigned page_kind) noexcept;
  static void descend(const tree& in, place& one, bool to_leaf) noexcept;
  void narrow(const tree& in) noexcept;

  std::vector<place> places_;
};

}  // namespace pawl::core
