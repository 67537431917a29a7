// Decoding what is stored of an item into the values that it needs to go on.
#pragma once

#include "run/encode.hpp"
#include "run/item.hpp"
#include "run/run_state.hpp"

#include <memory>
#include <vector>

namespace pawl::core {

// Not thread-safe: admission has one, and each worker that needs one.
class resumer {
public:
  explicit resumer(run_state& run) : run_(run) {}

  // The snapshot, made when it is first asked for.
  [[nodiscard]] snapshot& view();
  // Sees everything committed until now.
  void refresh();
  // Done looking for now.
  void release();

  // Constructs every value that the steps from `step` on read and that is not alive yet; destroys those
  // that they do not. Throws pawl::error (damaged, schema_mismatch, codec_failed), migration_failed.
  void load_values(active_item& item, const stored_item& stored, std::uint16_t step);
  // The value that the item's next step takes, once more: an attempt consumed it and failed.
  // What was recorded of the item must be committed.
  void reload_latest(active_item& item);

private:
  // True where it was made of what an older version of its step returned.
  bool decode_value(active_item& item, const stored_item& stored, std::uint16_t value);

  run_state& run_;
  std::unique_ptr<snapshot> view_;
  schema_cache schemas_;
  std::vector<std::byte> bytes_;
};

}  // namespace pawl::core
