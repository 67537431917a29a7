#include "lmdb/check_pages.hpp"

#include <pawl/error.hpp>

#include <lmdb.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>
#include <thread>

namespace pawl::core {
namespace {

static_assert(std::endian::native == std::endian::little, "LMDB's pages are in the machine's own order of bytes");

// A page: u64 its number, u16, u16 flags, u16 end of the table, u16 where entries begin (of a long value: u32 how many
// pages it has); then the table: u16 for each entry, where it lies; free room; entries, to the end of the page.
constexpr std::size_t header_size = 16;
constexpr std::size_t flags_at = 10;
constexpr std::size_t table_end_at = 12;
constexpr std::size_t entries_at = 14;
constexpr std::uint16_t branch_page = 1;
constexpr std::uint16_t leaf_page = 2;
constexpr std::uint16_t overflow_page = 4;
constexpr std::uint16_t meta_page = 8;
// An entry: u32 size of the value, u16 flags, u16 size of the key, key, value. In a branch the first six bytes are the
// number of the page below; the first entry's key counts as less than all.
constexpr std::size_t entry_header_size = 8;
constexpr std::uint16_t long_value = 1;  // the value is the number of its first page
constexpr std::uint16_t tree_value = 2;  // the value is a tree_record
constexpr std::size_t key_size_max = 511;
constexpr std::uint16_t integer_keys = 8;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr std::size_t depth_max = 32;
constexpr std::uint32_t lmdb_magic = 0xbeefc0de;
constexpr std::uint32_t page_size_min = 512;
constexpr std::uint32_t page_size_max = 64 * 1024;
constexpr std::uint64_t pages_between_progress = 4096;
constexpr std::uint64_t pages_ahead = 32;
constexpr int metas_tries_max = 50;
constexpr std::size_t bytes_of_a_read = std::size_t{1} << 20;

template <class T>
T load(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

using bytes = std::span<const std::byte>;

int compare(bytes a, bytes b) noexcept {
  const std::size_t size = std::min(a.size(), b.size());
  const int order = size == 0 ? 0 : std::memcmp(a.data(), b.data(), size);
  return order != 0 ? order : static_cast<int>(a.size() > b.size()) - static_cast<int>(a.size() < b.size());
}

// Keys as they are ordered in this tree.
int compare(bool numbers, bytes a, bytes b) noexcept {
  if (!numbers) return compare(a, b);
  const auto left = load<std::uint64_t>(a.data());
  const auto right = load<std::uint64_t>(b.data());
  return static_cast<int>(left > right) - static_cast<int>(left < right);
}

std::string number_text(std::uint64_t number) { return std::to_string(number); }

struct enough {};  // findings_max

// Trees whose leaves have to be read to know all pages: the others hold all their values themselves.
bool leads_outside(std::string_view tree) noexcept { return tree == "meta" || tree == "chunks"; }

class page_walker {
public:
  page_walker(file& data, const meta_record& commit, const page_check_options& options)
      : data_(data), commit_(commit), options_(options), page_size_(commit.free.pad) {
    made_.pages = commit.last_page + 1;
  }

  page_check walk() {
    try {
      reached_.assign(static_cast<std::size_t>(made_.pages / 64 + 1), 0);
      claim(0, 2, "the meta pages");
      walk_tree({"free pages", true, true, true, false}, commit_.free);
      walk_tree({"main", false, true, false, true}, commit_.main);
      for (std::uint64_t page = 0; page < made_.pages; ++page) made_.unreached += !is_reached(page);
    } catch (const enough&) {
    }
    return std::move(made_);
  }

private:
  struct tree {
    std::string_view name;
    bool numbers;      // its keys are u64 in the machine's own order
    bool reads_leaves;
    bool is_free_list;
    bool is_main;
  };
  struct counts {
    std::uint64_t branch_pages = 0;
    std::uint64_t leaf_pages = 0;
    std::uint64_t overflow_pages = 0;
    std::uint64_t entries = 0;
    bool whole = true;  // false: some page of it was not read, and nothing can be said of the sums
  };
  struct entry {
    bytes key;
    std::uint16_t flags;
    std::uint64_t below;   // branch: the page below
    std::uint32_t size;    // leaf: of the value
    bytes in_page;         // leaf: what lies in the page
  };

  void found(std::string sentence) {
    made_.findings.push_back(std::move(sentence));
    if (made_.findings.size() >= options_.findings_max) throw enough{};
  }
  void found_in(const tree& in, std::uint64_t page, const std::string& what) {
    found("page " + number_text(page) + " of data.mdb, in the tree of " + std::string(in.name) + ", " + what);
  }

  [[nodiscard]] bool is_reached(std::uint64_t page) const noexcept {
    return (reached_[static_cast<std::size_t>(page / 64)] >> (page % 64) & 1) != 0;
  }
  // False, and said, where they are not all in the file, or one of them belongs to something else already.
  bool claim(std::uint64_t first, std::uint64_t count, const std::string& by) {
    if (first >= made_.pages || count > made_.pages - first) {
      found(by + " leads to page " + number_text(first) + ", and data.mdb has " + number_text(made_.pages) + " pages");
      return false;
    }
    for (std::uint64_t page = first; page < first + count; ++page) {
      if (is_reached(page)) {
        found(by + " leads to page " + number_text(page) + ", which belongs to something else as well");
        return false;
      }
      reached_[static_cast<std::size_t>(page / 64)] |= std::uint64_t{1} << (page % 64);
    }
    return true;
  }

  // False, and said, where the disk does not give it.
  bool read(std::uint64_t page, std::span<std::byte> into) {
    if (++made_.read % pages_between_progress == 0 && options_.progress) options_.progress(made_.read, made_.pages);
    const std::uint64_t first = page / pages_ahead * pages_ahead;
    // What lies together is mostly used together: where two pages that are near each other are asked for, their neighbours
    // are read with them.
    if (first != ahead_ && first == last_asked_) read_ahead(first);
    last_asked_ = first;
    if (first != ahead_ || page - first >= ahead_pages_) return read_at(page * page_size_, into);
    std::memcpy(into.data(), window_.data() + (page - first) * page_size_, into.size());
    return true;
  }
  void read_ahead(std::uint64_t first) {
    const std::uint64_t pages = std::min(pages_ahead, made_.pages - first);
    window_.resize(static_cast<std::size_t>(pages_ahead * page_size_));
    ahead_ = no_page;
    try {
      data_.read(first * page_size_, std::span(window_).first(static_cast<std::size_t>(pages * page_size_)));
      ahead_ = first;
      ahead_pages_ = pages;
    } catch (const error&) {  // which page it is, reading it alone will say
    }
  }
  bool read_at(std::uint64_t offset, std::span<std::byte> into) {
    try {
      data_.read(offset, into);
      return true;
    } catch (const error& failure) {
      found("page " + number_text(offset / page_size_) + " of data.mdb cannot be read (" + failure.what() + ")");
      return false;
    }
  }

  void walk_tree(const tree& in, const tree_record& record) {
    const std::string name = "the tree of " + std::string(in.name);
    const std::uint16_t flags = in.is_free_list ? integer_keys : std::uint16_t{0};
    if (record.flags != flags) return found(name + " has flags that no tree of a state has (" + number_text(record.flags) + ")");
    if (record.root == no_page) {
      if (record.depth != 0 || record.entries != 0) found(name + " has no first page and is not empty");
      return;
    }
    if (record.depth == 0 || record.depth > depth_max)
      return found(name + " cannot have a depth of " + number_text(record.depth));
    counts seen;
    if (!claim(record.root, 1, name)) return;
    walk_page(in, record, record.root, 1, {}, {}, seen);
    if (!seen.whole || (!in.reads_leaves && options_.reach == page_reach::inner)) return;
    if (seen.branch_pages != record.branch_pages || seen.leaf_pages != record.leaf_pages ||
        seen.overflow_pages != record.overflow_pages || seen.entries != record.entries)
      found(name + " has " + number_text(seen.entries) + " entries in " +
            number_text(seen.branch_pages + seen.leaf_pages + seen.overflow_pages) + " pages, and its record says " +
            number_text(record.entries) + " in " +
            number_text(record.branch_pages + record.leaf_pages + record.overflow_pages));
  }

  // `least`, `above`: the keys in this page are not less than the first and less than the second; empty: no limit.
  void walk_page(const tree& in, const tree_record& record, std::uint64_t number, std::size_t level, bytes least,
                 bytes above, counts& seen) {
    const bool is_leaf = level == record.depth;
    ++(is_leaf ? seen.leaf_pages : seen.branch_pages);
    if (is_leaf && !in.reads_leaves && options_.reach == page_reach::inner) return;
    std::vector<std::byte> page = take_buffer();
    if (read(number, page) && is_sound(in, number, page, is_leaf)) {
      if (is_leaf) walk_leaf(in, number, page, least, above, seen);
      else walk_branch(in, record, number, page, level, least, above, seen);
    } else {
      seen.whole = false;
    }
    buffers_.push_back(std::move(page));
  }

  std::vector<std::byte> take_buffer() {
    if (buffers_.empty()) return std::vector<std::byte>(static_cast<std::size_t>(page_size_));
    std::vector<std::byte> taken = std::move(buffers_.back());
    buffers_.pop_back();
    return taken;
  }

  [[nodiscard]] static std::size_t entries_of(const std::vector<std::byte>& page) noexcept {
    return (load<std::uint16_t>(page.data() + table_end_at) - header_size) / 2;
  }

  // Is what it says of itself possible, and do all entries lie in it, each in room of its own?
  bool is_sound(const tree& in, std::uint64_t number, const std::vector<std::byte>& page, bool is_leaf) {
    const auto wrong = [&](const std::string& what) {
      found_in(in, number, what);
      return false;
    };
    if (load<std::uint64_t>(page.data()) != number)
      return wrong("says that it is page " + number_text(load<std::uint64_t>(page.data())));
    if (load<std::uint16_t>(page.data() + flags_at) != (is_leaf ? leaf_page : branch_page))
      return wrong(is_leaf ? "is no leaf" : "is no inner page");
    const std::size_t table_end = load<std::uint16_t>(page.data() + table_end_at);
    std::size_t begin = load<std::uint16_t>(page.data() + entries_at);
    if (begin == 0 && page_size_ == page_size_max) begin = page_size_max;  // does not fit the field
    if (table_end < header_size || table_end % 2 != 0 || begin < table_end || begin > page_size_)
      return wrong("has a table of entries that cannot be");
    const std::size_t count = entries_of(page);
    if (count < (is_leaf || in.is_free_list ? 1u : 2u)) return wrong("has too few entries");
    order_.clear();
    for (std::size_t i = 0; i < count; ++i) order_.push_back(load<std::uint16_t>(page.data() + header_size + 2 * i));
    std::sort(order_.begin(), order_.end());
    std::size_t next = begin;
    for (const std::size_t at : order_) {
      if (at != next || at + entry_header_size > page_size_) return wrong("has an entry that lies where none can lie");
      const std::size_t size = size_of_entry(page.data() + at, is_leaf);
      if (size > page_size_ - at) return wrong("has an entry that reaches beyond it");
      next = at + size;
    }
    if (next != page_size_) return wrong("has a gap behind its entries");
    return true;
  }

  // With the byte that makes it even. At most some 4 GiB.
  static std::size_t size_of_entry(const std::byte* at, bool is_leaf) noexcept {
    std::size_t size = entry_header_size + load<std::uint16_t>(at + 6);
    if (is_leaf)
      size += (load<std::uint16_t>(at + 4) & long_value) != 0 ? sizeof(std::uint64_t) : load<std::uint32_t>(at);
    return size + size % 2;
  }

  static entry entry_at(const std::vector<std::byte>& page, std::size_t number, bool is_leaf) noexcept {
    const std::byte* at = page.data() + load<std::uint16_t>(page.data() + header_size + 2 * number);
    entry one{{at + entry_header_size, load<std::uint16_t>(at + 6)}, load<std::uint16_t>(at + 4), 0, 0, {}};
    if (is_leaf) {
      one.size = load<std::uint32_t>(at);
      one.in_page = {at + entry_header_size + one.key.size(),
                     (one.flags & long_value) != 0 ? sizeof(std::uint64_t) : one.size};
    } else {
      one.below = load<std::uint32_t>(at) | std::uint64_t{one.flags} << 32;
    }
    return one;
  }

  // Has the key a size that can be, and does it lie behind the one before?
  bool key_fits(const tree& in, std::uint64_t page, bytes key, bytes before, bytes least, bytes above) {
    const bool sized = in.numbers ? key.size() == sizeof(std::uint64_t) : !key.empty() && key.size() <= key_size_max;
    const char* wrong = nullptr;
    if (!sized) wrong = "has a key of a size that cannot be";
    else if (!before.empty() && compare(in.numbers, before, key) >= 0) wrong = "has keys that are not in order";
    else if (!least.empty() && compare(in.numbers, key, least) < 0) wrong = "has a key that belongs in front of it";
    else if (!above.empty() && compare(in.numbers, key, above) >= 0) wrong = "has a key that belongs behind it";
    if (wrong != nullptr) found_in(in, page, wrong);
    return wrong == nullptr;
  }

  void walk_branch(const tree& in, const tree_record& record, std::uint64_t number, const std::vector<std::byte>& page,
                   std::size_t level, bytes least, bytes above, counts& seen) {
    const std::size_t count = entries_of(page);
    for (std::size_t i = 1; i < count; ++i)
      if (!key_fits(in, number, entry_at(page, i, false).key, i > 1 ? entry_at(page, i - 1, false).key : bytes{}, least, above)) {
        seen.whole = false;
        return;  // where they lead would be told as damage once more
      }
    for (std::size_t i = 0; i < count; ++i) {
      const entry one = entry_at(page, i, false);
      if (!claim(one.below, 1, "page " + number_text(number))) {
        seen.whole = false;
        continue;
      }
      walk_page(in, record, one.below, level + 1, i == 0 ? least : one.key,
                i + 1 < count ? entry_at(page, i + 1, false).key : above, seen);
    }
  }

  void walk_leaf(const tree& in, std::uint64_t number, const std::vector<std::byte>& page, bytes least, bytes above,
                 counts& seen) {
    const std::size_t count = entries_of(page);
    bytes before;
    for (std::size_t i = 0; i < count; ++i) {
      const entry one = entry_at(page, i, true);
      if (!key_fits(in, number, one.key, before, least, above)) {
        seen.whole = false;
        return;
      }
      before = one.key;
      ++seen.entries;
      const std::uint16_t allowed = in.is_main ? tree_value : long_value;
      if ((one.flags & ~allowed) != 0) {
        found_in(in, number, "has an entry of a kind that no state has");
        seen.whole = false;
      } else if (in.is_main) {
        walk_named_tree(in, number, one);
      } else if (one.flags != 0 && !walk_long_value(in, number, one, seen)) {
        seen.whole = false;
      } else if (in.is_free_list) {
        walk_free(number, one);
      }
    }
  }

  void walk_named_tree(const tree& in, std::uint64_t number, const entry& one) {
    if (one.flags != tree_value || one.size != sizeof(tree_record))
      return found_in(in, number, "has an entry that is no tree");
    const std::string name(reinterpret_cast<const char*>(one.key.data()), one.key.size());
    walk_tree({name, false, leads_outside(name), false, false}, load<tree_record>(one.in_page.data()));
  }

  bool walk_long_value(const tree& in, std::uint64_t number, const entry& one, counts& seen) {
    const auto first = load<std::uint64_t>(one.in_page.data());
    const std::uint64_t needed = (header_size - 1 + one.size) / page_size_ + 1;
    if (first >= made_.pages || needed > made_.pages - first) {
      found_in(in, number, "leads to a long value beyond the end of the file");
      return false;
    }
    std::array<std::byte, header_size> front;
    if (!read(first, front)) return false;
    const std::uint64_t pages = load<std::uint32_t>(front.data() + table_end_at);
    if (load<std::uint64_t>(front.data()) != first || load<std::uint16_t>(front.data() + flags_at) != overflow_page ||
        pages < needed) {
      found_in(in, number, "leads to page " + number_text(first) + ", which is no long value of " + number_text(one.size) + " bytes");
      return false;
    }
    seen.overflow_pages += pages;
    return claim(first, pages, "a long value in page " + number_text(number));
  }

  // A list of free pages: u64 how many, then their numbers, descending.
  void walk_free(std::uint64_t number, const entry& one) {
    const std::string by = "the list of free pages in page " + number_text(number);
    if (load<std::uint64_t>(one.key.data()) > commit_.transaction)
      return found(by + " is of a commit that has not been made yet: a meta page is damaged");
    constexpr std::size_t word = sizeof(std::uint64_t);
    if (one.size < word || one.size % word != 0) return found(by + " is cut off");
    const bool is_long = (one.flags & long_value) != 0;
    const std::uint64_t from = is_long ? load<std::uint64_t>(one.in_page.data()) * page_size_ + header_size : 0;
    std::vector<std::uint64_t> pages(std::min<std::size_t>(one.size, bytes_of_a_read) / word);
    std::uint64_t left = 0;
    std::uint64_t before = no_page;
    for (std::size_t at = 0; at < one.size; at += pages.size() * word) {
      const std::size_t size = std::min<std::size_t>(one.size - at, pages.size() * word);
      if (!is_long) std::memcpy(pages.data(), one.in_page.data() + at, size);
      else if (!read_at(from + at, std::as_writable_bytes(std::span{pages}).first(size))) return;
      std::size_t i = 0;
      if (at == 0) {
        left = pages[i++];
        if (left > one.size / word - 1) return found(by + " says that it is longer than it is");
      }
      for (; i < size / word && left != 0; ++i, --left) {
        if (pages[i] >= before) return found(by + " is not in order");
        before = pages[i];
        if (!claim(pages[i], 1, by)) return;
      }
    }
  }

  file& data_;
  const meta_record& commit_;
  const page_check_options& options_;
  const std::uint64_t page_size_;
  std::vector<std::uint64_t> reached_;  // a bit for each page
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<std::size_t> order_;
  std::vector<std::byte> window_;
  std::uint64_t ahead_ = no_page;       // the first page in the window
  std::uint64_t ahead_pages_ = 0;
  std::uint64_t last_asked_ = no_page;  // in which window the page asked for last would be
  page_check made_;
};

meta_record meta_at(file& data, std::uint64_t offset, std::array<std::byte, header_size>& header) {
  std::array<std::byte, header_size + sizeof(meta_record)> front;
  data.read(offset, front);
  std::copy_n(front.begin(), header_size, header.begin());
  return load<meta_record>(front.data() + header_size);
}

found_metas look_at_metas(file& data) {
  found_metas metas;
  const auto wrong = [&](std::string what) { metas.findings.push_back(std::move(what)); };
  std::array<std::byte, header_size> headers[2];
  meta_record both[2] = {meta_at(data, 0, headers[0]), {}};
  const std::uint64_t page_size = both[0].free.pad;
  if (page_size < page_size_min || page_size > page_size_max || !std::has_single_bit(page_size)) {
    wrong("the first meta page of data.mdb is damaged: it tells a page size of " + number_text(page_size));
    return metas;
  }
  both[1] = meta_at(data, page_size, headers[1]);
  const std::uint64_t pages = data.size() / page_size;
  for (std::uint64_t i = 0; i < 2; ++i) {
    const std::string which = i == 0 ? "the first meta page of data.mdb " : "the second meta page of data.mdb ";
    if (load<std::uint64_t>(headers[i].data()) != i || (load<std::uint16_t>(headers[i].data() + flags_at) & meta_page) == 0 ||
        both[i].magic != lmdb_magic || both[i].free.pad != page_size || both[i].free.flags != integer_keys || both[i].main.flags != 0)
      wrong(which + "is damaged");
    else if (both[i].last_page >= pages)
      wrong(which + "speaks of page " + number_text(both[i].last_page) + ", and the file has " + number_text(pages));
    else if (both[i].transaction != 0 && both[i].transaction % 2 != i)
      wrong(which + "has the number of a commit that the other one must have: it is damaged");
  }
  const bool second = both[1].transaction > both[0].transaction;
  metas.newest = both[second];
  metas.older = both[!second];
  if (metas.findings.empty() && metas.newest.transaction - metas.older.transaction > 1)
    wrong("the meta pages of data.mdb are of commits " + number_text(metas.older.transaction) + " and " +
          number_text(metas.newest.transaction) + ", which do not follow each other: one of them is damaged");
  return metas;
}

}  // namespace

bool pages_are_known() noexcept {
  int major = 0;
  int minor = 0;
  ::mdb_version(&major, &minor, nullptr);
  return major == 0 && minor == 9;
}

found_metas read_metas(file& data, bool in_use) {
  found_metas metas = look_at_metas(data);
  for (int tries = 1; in_use && !metas.findings.empty() && tries < metas_tries_max; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    metas = look_at_metas(data);
  }
  return metas;
}

std::optional<meta_record> meta_of(file& data, std::uint64_t page_size, std::uint64_t transaction) {
  std::array<std::byte, header_size> ignored;
  const meta_record meta = meta_at(data, transaction % 2 * page_size, ignored);
  // A second look: nobody was writing it.
  const meta_record again = meta_at(data, transaction % 2 * page_size, ignored);
  const bool is_it = meta.transaction == transaction && std::memcmp(&meta, &again, sizeof meta) == 0;
  return is_it ? std::optional(meta) : std::nullopt;
}

page_check check_pages(file& data, const meta_record& commit, const page_check_options& options) {
  return page_walker(data, commit, options).walk();
}

}  // namespace pawl::core
