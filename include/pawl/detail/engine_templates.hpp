// The bodies of engine's templates: types in, erased calls out, nothing else.
#pragma once

#include <pawl/codec.hpp>
#include <pawl/detail/key.hpp>
#include <pawl/detail/source.hpp>
#include <pawl/engine.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl {

namespace detail {

template <class T, class Out>
using result_type = std::conditional_t<std::is_same_v<T, output_of_workflow>, Out, T>;

/// A typed key as the engine stores it. Compiled.
[[nodiscard]] std::string typed_key(void (*write)(const void* key, key_sink& into), const void* key);

template <class Key>
std::string typed_key_of(const Key& key) {
  static_assert(usable_key<std::decay_t<const Key&>>, "engine: a key is text or an integer");
  const std::decay_t<const Key&> own(key);
  return typed_key(
      [](const void* from, key_sink& into) { write_key(*static_cast<const std::decay_t<const Key&>*>(from), into); }, &own);
}

/// Item is deduced as for a forwarding reference. The result refers to `item`.
template <class In, class Item>
erased_input make_input(std::remove_reference_t<Item>& item) {
  static_assert(std::is_move_constructible_v<In>, "engine.submit: the workflow's input type cannot be moved");
  (void)sizeof(typename decltype(element_problem<In, Item&&>())::problem);
  using held = std::remove_reference_t<Item>;
  return {const_cast<std::remove_const_t<held>*>(&item), [](void* self, void* storage) {
            construct_input<In>(storage, static_cast<Item&&>(*static_cast<held*>(self)));
          }};
}

/// Storage for a value that somebody else constructs.
template <class T>
class result_slot {
public:
  result_slot() = default;
  result_slot(const result_slot&) = delete;
  result_slot& operator=(const result_slot&) = delete;
  [[nodiscard]] void* storage() noexcept { return bytes_; }
  /// The value was constructed: takes it out.
  [[nodiscard]] T take() {
    T* value = std::launder(reinterpret_cast<T*>(bytes_));
    struct destroyer {
      T* value;
      ~destroyer() { value->~T(); }
    } const guard{value};
    return std::move(*value);
  }

private:
  alignas(T) std::byte bytes_[sizeof(T)];
};

/// Walks over the kept results of a workflow, a few at a time. Compiled; one thread at a time.
class result_cursor {
public:
  result_cursor(const engine& of, std::shared_ptr<const chain> workflow);
  ~result_cursor();
  result_cursor(const result_cursor&) = delete;
  result_cursor& operator=(const result_cursor&) = delete;
  /// Constructs the next result at `storage` and sets `key`; false at the end.
  [[nodiscard]] bool next(std::string& key, const value_type& type, void* storage);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// A done item's key (text as it is, an integer in decimal) and its kept result.
template <class T>
struct result_entry {
  std::string key;
  T value;
};

/// What engine::results returns: an input range, to be walked once.
template <class T>
class result_range {
public:
  class iterator {
  public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = result_entry<T>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(result_range* range) : range_(range) { ++*this; }
    [[nodiscard]] result_entry<T>& operator*() const noexcept { return *range_->current_; }
    [[nodiscard]] result_entry<T>* operator->() const noexcept { return &*range_->current_; }
    iterator& operator++() {
      if (!range_->advance()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return at.range_ == nullptr; }

  private:
    result_range* range_ = nullptr;
  };

  explicit result_range(std::unique_ptr<detail::result_cursor> cursor) : cursor_(std::move(cursor)) {}
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return std::default_sentinel; }

private:
  bool advance() {
    detail::result_slot<T> slot;
    std::string key;
    if (!cursor_->next(key, detail::value_type_of<T>(), slot.storage())) return false;
    current_.emplace(result_entry<T>{std::move(key), slot.take()});
    return true;
  }

  std::unique_ptr<detail::result_cursor> cursor_;
  std::optional<result_entry<T>> current_;
};

template <class In, class Out, class Source>
report engine::run(const workflow_of<In, Out>& workflow, Source&& source, const run_options& options) {
  auto holder = detail::hold_source<In>(std::forward<Source>(source));
  return run_erased(detail::chain_of(workflow), detail::make_source(holder), options);
}

template <class In, class Out>
report engine::resume(const workflow_of<In, Out>& workflow, const run_options& options) {
  return resume_erased(detail::chain_of(workflow), options);
}

template <class In, class Out, class Item>
handle<Out> engine::submit(const workflow_of<In, Out>& workflow, Item&& item) {
  return handle<Out>(submit_erased(detail::chain_of(workflow), detail::make_input<In, Item>(item), true));
}

template <class In, class Out, class Item>
std::optional<handle<Out>> engine::try_submit(const workflow_of<In, Out>& workflow, Item&& item) {
  detail::submission_ref ref = submit_erased(detail::chain_of(workflow), detail::make_input<In, Item>(item), false);
  if (ref.empty()) return std::nullopt;
  return handle<Out>(std::move(ref));
}

template <class In, class Out, class Key>
std::optional<handle<Out>> engine::find(const workflow_of<In, Out>& workflow, const Key& key) {
  detail::submission_ref ref = find_erased(detail::chain_of(workflow), detail::typed_key_of(key));
  if (ref.empty()) return std::nullopt;
  return handle<Out>(std::move(ref));
}

template <class In, class Out>
void engine::open(const workflow_of<In, Out>& workflow, const run_options& options) {
  open_erased(detail::chain_of(workflow), options);
}

template <class In, class Out>
report engine::close(const workflow_of<In, Out>& workflow) {
  return close_erased(detail::chain_of(workflow));
}

template <class In, class Out>
amend_report engine::rerun(const workflow_of<In, Out>& workflow, std::string_view from_step,
                           const rerun_options& options) {
  const auto& chain = detail::chain_of(workflow);
  return rerun_erased(chain->name, chain.get(), from_step, options);
}

template <class In, class Out>
amend_report engine::retry(const workflow_of<In, Out>& workflow, const reopen_options& options) {
  return retry(detail::chain_of(workflow)->name, options);
}

template <class In, class Out>
void engine::skip(const workflow_of<In, Out>& workflow, const any_key& key, std::string_view reason) {
  skip(detail::chain_of(workflow)->name, key, reason);
}

template <class In, class Out>
prune_report engine::prune(const workflow_of<In, Out>& workflow, const retain_options& limits, bool dry_run) {
  return prune(detail::chain_of(workflow)->name, limits, dry_run);
}

template <class T, class In, class Out, class Key>
auto engine::result(const workflow_of<In, Out>& workflow, const Key& key) const {
  using value = detail::result_type<T, Out>;
  static_assert(has_codec_v<value>, "engine.result<T>: T has no codec");
  const std::string typed = detail::typed_key_of(key);
  detail::result_slot<value> slot;
  std::optional<value> found;
  if (read_result(*detail::chain_of(workflow), typed, detail::value_type_of<value>(), slot.storage()))
    found.emplace(slot.take());
  return found;
}

template <class T, class In, class Out>
auto engine::results(const workflow_of<In, Out>& workflow) const {
  using value = detail::result_type<T, Out>;
  static_assert(has_codec_v<value>, "engine.results<T>: T has no codec");
  return result_range<value>(std::make_unique<detail::result_cursor>(*this, detail::chain_of(workflow)));
}

template <class In, class Out>
plan engine::plan(const workflow_of<In, Out>& workflow, const run_options& options) const {
  return plan_erased(detail::chain_of(workflow), options);
}

}  // namespace pawl
