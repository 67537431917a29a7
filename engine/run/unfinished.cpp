#include "run/unfinished.hpp"

#include "record/key.hpp"
#include "store/walk.hpp"

#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t page_size = 256;
constexpr std::size_t page_bytes_max = std::size_t{1} << 20;

bool is_unfinished(item_state state) noexcept {
  return state == item_state::pending || state == item_state::in_progress || state == item_state::failed;
}

std::string name_of_row(item_id id) {
  std::string key;
  key_writer(key).text("(item " + std::to_string(id) + ")");
  return key;
}

}  // namespace

unfinished_items::unfinished_items(backend& store, const workflow_record& workflow)
    : workflow_(workflow.id), end_(workflow.next_item), view_(store.read()) {
  const auto& counted = view_->count(workflow_).by_state;
  const auto in = [&](item_state state) { return counted[static_cast<std::size_t>(state)]; };
  size_ = unread_ = in(item_state::pending) + in(item_state::in_progress) + in(item_state::failed);
  only_failed_ = size_ == in(item_state::failed);
  view_->release();
}

bool unfinished_items::next(unfinished_item& into) {
  if (given_ == page_.size()) read_page();
  if (given_ == page_.size()) return false;
  into = std::move(page_[given_++]);
  return true;
}

// The counters say when all have been met: the rest of a large state need not be read.
void unfinished_items::read_page() {
  page_.clear();
  given_ = page_bytes_ = 0;
  const item_state failed = item_state::failed;
  const walker with{[&](const stored_item& item) {
                      if (!is_unfinished(item.state)) return true;
                      add(item.id, std::string(item.key), {});
                      --unread_;
                      return unread_ != 0 && page_.size() < page_size && page_bytes_ < page_bytes_max;
                    },
                    [&](item_id id, const std::string& why) { add(id, name_of_row(id), why); }};
  for (bool more = true; more && unread_ != 0 && page_.empty();) {
    view_->refresh();
    more = walk(*view_, workflow_, from_, end_, only_failed_ ? &failed : nullptr, with);
    if (!more) unread_ = 0;
  }
  view_->release();
}

void unfinished_items::add(item_id id, std::string key, std::string problem) {
  page_bytes_ += key.size() + problem.size();
  page_.push_back({id, std::move(key), std::move(problem)});
}

}  // namespace pawl::core
