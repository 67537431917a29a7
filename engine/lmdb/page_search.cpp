#include "lmdb/page_search.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pawl::core {
namespace {

static_assert(std::endian::native == std::endian::little, "LMDB's pages are in the machine's own order of bytes");

// A page: u64 its number, u16, u16 flags, u16 end of the table, u16; then the table: u16 for each node, where it
// lies in the page; nodes by ascending key.
constexpr std::size_t flags_at = 10;
constexpr std::size_t table_end_at = 12;
constexpr std::size_t table_at = 16;
constexpr unsigned branch_page = 1;
constexpr unsigned leaf_page = 2;
// A node: u32 size of the value, u16 flags, u16 size of the key; then key and value. In a branch page the first
// six bytes are the number of the page below, and the first node has no key: whatever is less than the second lies there.
constexpr std::size_t node_flags_at = 4;
constexpr std::size_t key_size_at = 6;
constexpr std::size_t node_key_at = 8;
// What the main database says of a sub-database: u32, u16 flags, u16 depth, four u64, u64 the root's page.
constexpr std::size_t tree_record_size = 48;
constexpr std::size_t tree_flags_at = 4;
constexpr std::size_t depth_at = 6;
constexpr std::size_t root_at = 40;
constexpr unsigned depth_max = 16;

constexpr std::string_view format_record = "format";  // of `meta`: there in every state

template <class T>
T load(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// As std::memcmp, whose call would take longer than it does for keys as short as these.
int compare(const std::byte* a, const std::byte* b, std::size_t size) noexcept {
  constexpr std::size_t word = sizeof(std::uint64_t);
  if (size < word) return size == 0 ? 0 : std::memcmp(a, b, size);
  for (std::size_t at = 0;;) {
    const std::uint64_t left = __builtin_bswap64(load<std::uint64_t>(a + at));
    const std::uint64_t right = __builtin_bswap64(load<std::uint64_t>(b + at));
    if (left != right) return left < right ? -1 : 1;
    if (at + word == size) return 0;
    at = std::min(at + word, size - word);  // the last one overlaps
  }
}

struct node {
  const std::byte* at;
  std::size_t key_size;
};

// Never beyond its page, whatever the page says.
node node_of(const std::byte* page, std::size_t page_size, std::uint32_t number) noexcept {
  const std::size_t offset =
      std::min<std::size_t>(load<std::uint16_t>(page + table_at + 2 * std::size_t{number}), page_size - node_key_at);
  const std::byte* at = page + offset;
  return {at, std::min<std::size_t>(load<std::uint16_t>(at + key_size_at), page_size - offset - node_key_at)};
}

bool is_at_most(const node& one, const std::byte* key, std::size_t size) noexcept {
  const int order = compare(one.at + node_key_at, key, std::min(one.key_size, size));
  return order < 0 || (order == 0 && one.key_size <= size);
}

void prefetch_lines(const std::byte* from, std::size_t bytes) noexcept {
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at);
}

// LMDB does not tell where its map begins, but pages know their numbers. Null where this one's cannot be.
const std::byte* map_before(const std::byte* inside, std::size_t page_size, std::uint64_t pages) noexcept {
  const std::byte* page = inside - reinterpret_cast<std::uintptr_t>(inside) % page_size;
  const auto number = load<std::uint64_t>(page);
  return number < pages ? page - number * page_size : nullptr;
}

bool is_known_library() noexcept {
  int major = 0;
  int minor = 0;
  ::mdb_version(&major, &minor, nullptr);
  return major == 0 && minor == 9;
}

constexpr std::size_t table_bytes_ahead = 256;  // of a leaf with some hundred entries
constexpr std::size_t value_bytes_ahead = 192;

}  // namespace

bool page_search::find_tree(const read_transaction& txn, std::string_view name, tree& into) {
  static const bool known_library = is_known_library();
  if (!known_library) return false;
  const environment& env = txn.env();
  const auto record = txn.get(env.in().main, std::as_bytes(std::span{name}));
  if (!record || record->size() != tree_record_size || load<std::uint16_t>(record->data() + tree_flags_at) != 0)
    return false;
  into.page_size = env.page_size();
  into.depth = load<std::uint16_t>(record->data() + depth_at);
  into.root = load<std::uint64_t>(record->data() + root_at);
  MDB_envinfo info{};
  env.check(::mdb_env_info(env.handle(), &info), "ask for its size");
  into.pages = std::uint64_t{info.me_last_pgno} + 1;
  if (into.root >= into.pages || into.depth == 0 || into.depth > depth_max) return false;
  // Where the map begins is asked of pages of two trees, for one of them may be damaged.
  into.map = map_before(record->data(), into.page_size, into.pages);
  const auto other = txn.get(env.in().meta, std::as_bytes(std::span{format_record}));
  if (!other || into.map == nullptr || map_before(other->data(), into.page_size, into.pages) != into.map) return false;
  return true;
}

// Begins to look for the key in a page.
void page_search::enter(const tree& in, place& one, unsigned page_kind) noexcept {
  if (one.page == nullptr) return;
  const auto number = static_cast<std::uint64_t>(one.page - in.map) / in.page_size;
  const std::size_t table_end = std::min<std::size_t>(load<std::uint16_t>(one.page + table_end_at), in.page_size);
  const bool sound = load<std::uint64_t>(one.page) == number && table_end >= table_at + 2 &&
                     (load<std::uint16_t>(one.page + flags_at) & (branch_page | leaf_page)) == page_kind;
  one.first = 0;
  one.left = sound ? static_cast<std::uint32_t>((table_end - table_at) / 2) : 0;
  if (!sound) one.page = nullptr;
  else if (page_kind == leaf_page) __builtin_prefetch(node_of(one.page, in.page_size, one.left / 2).at);
}

// Halves what is left, of each in turn, until each has one node: the last one whose key is not greater.
void page_search::narrow(const tree& in) noexcept {
  for (bool more = true; more;) {
    more = false;
    for (place& one : places_) {
      if (one.left <= 1) continue;
      const std::uint32_t half = one.left / 2;
      const node middle = node_of(one.page, in.page_size, one.first + half);
      one.first = is_at_most(middle, one.key, one.key_size) ? one.first + half : one.first;
      one.left -= half;
      if (one.left <= 1) continue;
      more = true;
      __builtin_prefetch(one.page + load<std::uint16_t>(one.page + table_at + 2 * std::size_t{one.first + one.left / 2}));
    }
  }
}

// From a branch page to the one below.
void page_search::descend(const tree& in, place& one, bool to_leaf) noexcept {
  if (one.page == nullptr) return;
  const std::byte* at = node_of(one.page, in.page_size, one.first).at;
  const std::uint64_t number = load<std::uint32_t>(at) | std::uint64_t{load<std::uint16_t>(at + node_flags_at)} << 32;
  one.page = number < in.pages ? in.map + number * in.page_size : nullptr;
  one.left = 0;
  if (to_leaf && one.page != nullptr) prefetch_lines(one.page, table_bytes_ahead);
}

void page_search::find(const read_transaction& txn, std::string_view sub_database, std::span<page_search_key> wanted) {
  for (page_search_key& one : wanted) one.value = {};
  tree in;
  if (!find_tree(txn, sub_database, in)) return;
  places_.clear();
  for (const page_search_key& one : wanted)
    places_.push_back({one.key.empty() ? nullptr : in.map + in.root * in.page_size, 0, 0, one.key.data(), one.key.size()});
  for (unsigned level = 1; level <= in.depth; ++level) {
    const bool leaf = level == in.depth;
    for (place& one : places_) enter(in, one, leaf ? leaf_page : branch_page);
    narrow(in);
    if (leaf) break;
    for (place& one : places_) descend(in, one, level + 1 == in.depth);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const place& one = places_[i];
    if (one.page == nullptr) continue;
    const node found = node_of(one.page, in.page_size, one.first);
    if (found.key_size != one.key_size || compare(found.at + node_key_at, one.key, one.key_size) != 0) continue;
    const std::byte* value = found.at + node_key_at + found.key_size;
    const std::size_t size = load<std::uint32_t>(found.at);
    if (load<std::uint16_t>(found.at + node_flags_at) != 0 || size > in.page_size - static_cast<std::size_t>(value - one.page))
      continue;
    wanted[i].value = {value, size};
    prefetch_lines(value, std::min(size, value_bytes_ahead));
  }
}

}  // namespace pawl::core
