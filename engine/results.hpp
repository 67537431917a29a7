// Reading kept results back.
#pragma once

#include "run/encode.hpp"
#include "store/backend.hpp"

#include <pawl/detail/erased.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

// Constructs the kept result of a done item at `storage`; false where there is none. What an older version of the
// step returned is migrated where `type` is what today's returns, and read by field name otherwise.
// Throws pawl::error (damaged, schema_mismatch, codec_failed) and constructs nothing then.
[[nodiscard]] bool read_result(backend& store, const detail::chain& chain, const std::string& typed_key,
                               const detail::value_type& type, void* storage);

// All kept results of a workflow's done items in the order of admission. Holds no snapshot between calls.
class result_reader {
public:
  result_reader(backend& store, std::shared_ptr<const detail::chain> chain) : store_(store), chain_(std::move(chain)) {}
  [[nodiscard]] bool next(std::string& key, const detail::value_type& type, void* storage);

private:
  struct found {
    item_id id;
    std::string key;
    std::uint64_t schema_hash;
    const detail::erased_step* returned_by;  // where today's step can migrate it
    std::vector<std::byte> bytes;
  };
  void read_some();

  backend& store_;
  const std::shared_ptr<const detail::chain> chain_;
  std::unique_ptr<snapshot> view_;
  schema_cache schemas_;
  std::deque<found> read_;
  item_id next_ = 0;
  bool ended_ = false;
};

}  // namespace pawl::core
