// Looking at LMDB's pages before LMDB does.
//
// LMDB 0.9 believes what stands in a page: a damaged one sends it outside of the
// page, outside of the map, or into an assertion, and either ends the process. So
// the pages of a commit are walked here first: what a page says of itself, where
// its entries lie, in which order its keys are, which pages it leads to. Each page
// must be reached once: by one tree, by one long value, or by the list of free pages.
//
// Reads with pread, never through the map: no SIGBUS. Every loop is bounded by the
// file. What the entries mean is checked elsewhere, by checksums.
#pragma once

#include "file/file_system.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pawl::core {

// LMDB's record of a tree, as it stands in a meta page and in the main tree.
struct tree_record {
  std::uint32_t pad = 0;  // of the free list: the page size
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = 0;
};
static_assert(sizeof(tree_record) == 48);

// What a meta page says, behind its page header.
struct meta_record {
  std::uint32_t magic = 0;
  std::uint32_t version = 0;
  std::uint64_t address = 0;
  std::uint64_t map_size = 0;
  tree_record free;
  tree_record main;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};
static_assert(sizeof(meta_record) == 136);

enum class page_reach : std::uint8_t {
  inner,  // all but the leaves of trees whose values all lie in them: one page in a hundred
  all,
};

struct page_check_options {
  page_reach reach = page_reach::all;
  std::size_t findings_max = 20;  // then it stops
  std::function<void(std::uint64_t done, std::uint64_t pages)> progress{};  // now and then; may throw to end it
};

struct page_check {
  std::vector<std::string> findings;  // a sentence each, without layer and advice
  std::uint64_t pages = 0;            // in the file, as far as the commit knows
  std::uint64_t read = 0;
  std::uint64_t unreached = 0;        // neither in a tree nor free: lost room, nothing else
};

// Both meta pages; the newest one first. What is wrong with them is the finding: then nothing else can be looked at.
struct found_metas {
  std::vector<std::string> findings;
  meta_record newest;
  meta_record older;
};
// `in_use`: somebody may be writing, so a pair that does not fit together is read again before it is believed.
[[nodiscard]] found_metas read_metas(file& data, bool in_use);
// The meta page of this commit, while a reader holds its snapshot; nothing where it is not there (any more).
[[nodiscard]] std::optional<meta_record> meta_of(file& data, std::uint64_t page_size, std::uint64_t transaction);

// Walks what this commit consists of. `data` may be written to meanwhile, as long as a reader holds the commit.
[[nodiscard]] page_check check_pages(file& data, const meta_record& commit, const page_check_options& options = {});

// False with an LMDB whose pages look otherwise: then nothing is checked.
[[nodiscard]] bool pages_are_known() noexcept;

}  // namespace pawl::core
