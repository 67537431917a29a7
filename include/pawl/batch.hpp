// A step that is called once for many items: for what costs much a call and little
// an item, like a transaction or a request.
//
//   pawl::batch<"write">([&](pawl::batch_view<record> records) {
//     auto transaction = db.begin();
//     for (const auto& one : records) db.upsert(one.idempotency_key(), one.value);
//     transaction.commit();
//   }, {.max_items = 1000, .max_delay = 10ms})
#pragma once

#include <pawl/detail/batch_function.hpp>
#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/parameter.hpp>
#include <pawl/options.hpp>
#include <pawl/step.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl {

/// One item of a batch. Refers to what lives until the function returns; cheap to copy.
template <class T, class... Beside>
class batch_entry {
public:
  batch_entry(const detail::call_frame& frame, const std::uint16_t* reads)
      : value(*static_cast<const T*>(frame.in)), frame_(&frame), reads_(reads) {}

  const T& value;  ///< what arrived at the step

  /// As pawl::context has them, of this item: not of the batch.
  [[nodiscard]] std::string_view key() const { return frame_->ctx.key(); }
  [[nodiscard]] std::string idempotency_key() const { return frame_->ctx.idempotency_key(); }
  [[nodiscard]] std::uint32_t attempt() const { return frame_->ctx.attempt(); }

  /// What a step would take beside its value: `one.get<pawl::item<url>>()`, of a batch_view<T, pawl::item<url>>.
  template <class Parameter>
  requires(std::is_same_v<Parameter, Beside> || ...)
  [[nodiscard]] Parameter get() const {
    constexpr std::array<bool, sizeof...(Beside)> is_it{std::is_same_v<Parameter, Beside>...};
    std::size_t place = 0;
    while (!is_it[place]) ++place;
    return Parameter(*static_cast<const typename Parameter::value_type*>(frame_->values[reads_[place]]));
  }

private:
  const detail::call_frame* frame_;
  const std::uint16_t* reads_;
};

/// The items of one call, oldest first; never empty. A forward range of batch_entry. T is what arrives at the step;
/// `Beside` is what the entries have beside it: pawl::item<In>, pawl::from<"step", R>. Lives until the function returns.
template <class T, class... Beside>
class batch_view {
public:
  using value_type = batch_entry<T, Beside...>;

  class iterator {
  public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = batch_entry<T, Beside...>;
    using difference_type = std::ptrdiff_t;
    using reference = value_type;
    using pointer = void;

    iterator() = default;
    iterator(detail::call_frame* const* at, const std::uint16_t* reads) : at_(at), reads_(reads) {}
    value_type operator*() const { return {**at_, reads_}; }
    iterator& operator++() { return ++at_, *this; }
    iterator operator++(int) { return iterator(at_++, reads_); }
    friend bool operator==(const iterator& a, const iterator& b) { return a.at_ == b.at_; }

  private:
    detail::call_frame* const* at_ = nullptr;
    const std::uint16_t* reads_ = nullptr;
  };

  /// By the engine.
  explicit batch_view(const detail::batch_call& call) : frames_(call.frames), size_(call.size), reads_(call.reads) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Precondition: at < size().
  [[nodiscard]] value_type operator[](std::size_t at) const { return {*frames_[at], reads_}; }
  [[nodiscard]] iterator begin() const { return {frames_, reads_}; }
  [[nodiscard]] iterator end() const { return {frames_ + size_, reads_}; }

private:
  detail::call_frame* const* frames_;
  std::size_t size_;
  const std::uint16_t* reads_;
};

namespace detail {

template <fixed_string Name, class F>
auto make_batch(F function, const batch_options& options) {
  using name = the_step<spelled<Name>>;
  using nothing = step_of<Name, step_kind::batch, undetermined>;
  if constexpr (!signature_of<F>::exists) {
    (void)sizeof(batch_takes_no_view<name, F>);
    return nothing({});
  } else if constexpr (!batch_parameters<typename signature_of<F>::parameters>::exists) {
    (void)sizeof(batch_takes_no_view<name, F>);
    return nothing({});
  } else if constexpr (!batch_result<typename signature_of<F>::result>::exists) {
    (void)sizeof(batch_returns_no_results<name, returns<typename signature_of<F>::result>>);
    return nothing({});
  } else {
    using value = typename batch_parameters<typename signature_of<F>::parameters>::value;
    if constexpr (!std::is_void_v<typename owner_of_view<value>::type>) (void)sizeof(batch_of_views<name, value>);
    step_draft draft(Name.view(), step_kind::batch);
    draft.batch(options);
    return step_of<Name, step_kind::batch, batch_function<F>>(batch_function<F>(std::move(function)), std::move(draft));
  }
}

}  // namespace detail

/// A step that may touch the outside world, called once for up to `max_items` items.
///
/// `function` takes a pawl::batch_view<T>, where T is the very type that arrives, and pawl::context& beside it if it
/// wants: that of the call, with stop token, logger and progress; its key() and idempotency_key() are empty (those of
/// the entries count), its attempt() is the highest among the entries. It returns nothing, or a std::vector with one
/// result, or one pawl::outcome, for each entry in their order; with another number of them every entry fails. As with
/// any step it is called from several threads at once unless `.concurrency(pawl::serial)`, through const, and what an
/// item did before is durable when it is an entry. A function that returns nothing passes on what arrived.
///
/// A batch is called when it has max_items entries; when its oldest entry has waited for max_delay; or at once when
/// nothing else can arrive before that: the source has no more or the window is full, and all other items in flight
/// wait, too. So a lone item waits for nobody, and a window smaller than max_items does no harm. Those who wait hold no
/// thread. (A source that blocks and the only worker are one thread: then nothing is called before it has given
/// something.)
///
/// Each entry has its own checkpoint, and its own outcome: pawl::fail and pawl::skip of one entry concern it alone.
/// `.retry` takes each failed entry into a later batch; entries on a retry are not mixed with others. If the call
/// throws, nobody knows about which entry it was: its entries are called again in halves, and those in halves, until
/// the guilty ones have been called alone; what they throw is theirs, and .retry, .retry_on<E>, .skip_on<E> and
/// pawl::skip_item take it as of a step. One guilty entry of n costs about 2 log2(n) further calls. So an innocent entry
/// may be called several times, which is what at least once means: let the function undo what it began when it throws,
/// as a transaction does, or hand on the entries' idempotency keys. Where every call throws (nobody answers), n entries
/// cost 2n-1 calls: what concerns no entry in particular is better returned, as pawl::fail for each.
///
/// A `.timeout` is for the whole call; one that gives up because of it is a failed attempt of all its entries, and is not
/// bisected. `.rate_limit` is refused.
template <detail::fixed_string Name, class F>
[[nodiscard]] auto batch(F function, const batch_options& options = {}) {
  return detail::make_batch<Name>(std::move(function), options);
}
/// A member function: `batch<"write">(&writer::put_all, &w, {.max_items = 500})`. `object` is a pointer, also a smart one.
template <detail::fixed_string Name, class Member, class Pointer>
requires std::is_member_function_pointer_v<Member>
[[nodiscard]] auto batch(Member member, Pointer object, const batch_options& options = {}) {
  using signature = detail::signature_of<Member>;
  using bound = detail::bound_member<Member, Pointer, typename signature::result, typename signature::parameters>;
  return detail::make_batch<Name>(bound{member, std::move(object)}, options);
}

}  // namespace pawl
