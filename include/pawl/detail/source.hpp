// The typed half of a source: constructs the next input in place.
//
// Only begin, end and the iterator are relied on (Clang 14 cannot compile several
// of the standard's views).
#pragma once

#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/parameter.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl::detail {

/// True where an In can be made of an element without losing anything: the same type, text for text, a number
/// that always fits, or an implicit conversion of classes.
template <class In, class Element>
concept input_from = (std::same_as<std::remove_cvref_t<Element>, In> && std::constructible_from<In, Element>) ||
                     (std::same_as<In, std::string> && std::convertible_to<Element, std::string_view>) ||
                     (std::is_arithmetic_v<In> && requires(Element element) { In{static_cast<Element>(element)}; }) ||
                     (!std::is_arithmetic_v<In> && std::convertible_to<Element, In>);

template <class In, class Element>
consteval auto element_problem() {
  if constexpr (std::is_same_v<In, undetermined> || input_from<In, Element>)
    return fine{};
  else
    return found<source_does_not_fit<gives<Element>, which_takes<In>>>{};
}

template <class In, class Element>
void construct_input(void* storage, Element&& element) {
  if constexpr (std::same_as<In, std::string> && !std::convertible_to<Element, In>)
    ::new (storage) In(static_cast<std::string_view>(element));
  else
    ::new (storage) In(static_cast<Element&&>(element));
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class Function>
consteval auto generator_problem() {
  if constexpr (requires(Function & function) { function(); }) {
    if constexpr (is_optional<std::remove_cvref_t<decltype(std::declval<Function&>()())>>)
      return fine{};
    else
      return found<generator_gives_no_optional<Function>>{};
  } else {
    return found<generator_gives_no_optional<Function>>{};
  }
}

template <class Function>
struct generator {
  Function function;
  std::optional<std::uint64_t> size;
};
template <class T>
inline constexpr bool is_generator = false;
template <class Function>
inline constexpr bool is_generator<generator<Function>> = true;

namespace range_access {
using std::begin;
using std::end;
template <class Range>
concept range = requires(Range& range) {
  begin(range) != end(range);
  *begin(range);
};
template <class Range>
auto begin_of(Range& range) {
  return begin(range);
}
template <class Range>
auto end_of(Range& range) {
  return end(range);
}
}  // namespace range_access

/// True where the range owns its elements (a const one gives them const): of an rvalue they may be moved out.
/// A view such as std::span is not asked: what it looks at belongs to somebody else.
template <class Range>
concept owns_elements =
    range_access::range<const Range> && !std::same_as<decltype(*range_access::begin_of(std::declval<const Range&>())),
                                                      decltype(*range_access::begin_of(std::declval<Range&>()))>;

/// Range is deduced as for a forwarding reference: a plain type for an rvalue, T& for an lvalue.
template <class In, class Range>
class range_source {
  using range = std::remove_reference_t<Range>;
  using iterator = decltype(range_access::begin_of(std::declval<range&>()));
  using sentinel = decltype(range_access::end_of(std::declval<range&>()));
  using reference = decltype(*std::declval<iterator&>());
  static constexpr bool moves =
      !std::is_reference_v<Range> && owns_elements<range> && std::is_lvalue_reference_v<reference>;

public:
  using element = std::conditional_t<moves, std::remove_reference_t<reference>&&, reference>;

  explicit range_source(range& elements) : elements_(&elements) {}

  static bool next(void* self, void* storage) { return static_cast<range_source*>(self)->next(storage); }
  [[nodiscard]] std::optional<std::uint64_t> size() const {
    if constexpr (requires {
                    { elements_->size() } -> std::integral;
                  })
      return static_cast<std::uint64_t>(elements_->size());
    else if constexpr (std::is_array_v<range>)
      return std::extent_v<range>;
    else
      return std::nullopt;
  }

private:
  // The iterator advances when the next element is asked for, not before: a reader
  // of a pipe must not wait for a line that nobody needs yet.
  bool next(void* storage) {
    if (!at_) {
      at_.emplace(range_access::begin_of(*elements_));
      end_.emplace(range_access::end_of(*elements_));
    } else if (*at_ != *end_) {
      ++*at_;
    }
    if (!(*at_ != *end_)) return false;
    construct_input<In>(storage, static_cast<element>(**at_));
    return true;
  }

  range* elements_;
  std::optional<iterator> at_;
  std::optional<sentinel> end_;
};

/// Generator may be const, where its function is callable so.
template <class In, class Generator>
class generator_source {
public:
  using element = typename std::remove_cvref_t<decltype(std::declval<Generator&>().function())>::value_type&&;

  explicit generator_source(Generator& from) : from_(&from) {}

  static bool next(void* self, void* storage) { return static_cast<generator_source*>(self)->next(storage); }
  [[nodiscard]] std::optional<std::uint64_t> size() const { return from_->size; }

private:
  bool next(void* storage) {
    if (ended_) return false;
    auto made = from_->function();
    ended_ = !made.has_value();
    if (!ended_) construct_input<In>(storage, std::move(*made));
    return !ended_;
  }

  Generator* from_;
  bool ended_ = false;
};

/// Stands in where the source is refused.
struct no_source {
  static bool next(void*, void*) { return false; }
  [[nodiscard]] static std::optional<std::uint64_t> size() { return std::nullopt; }
};

template <class Problem, class Source = no_source>
struct chosen_source {
  using problem = Problem;
  using type = Source;
};

template <class In, class Range>
consteval auto choose_source() {
  using bare = std::remove_reference_t<Range>;
  if constexpr (is_generator<std::remove_const_t<bare>>) {
    using problem = decltype(generator_problem<decltype((std::declval<bare&>().function))>());
    if constexpr (std::is_same_v<problem, fine>) {
      using source = generator_source<In, bare>;
      return chosen_source<decltype(element_problem<In, typename source::element>()), source>{};
    } else {
      return chosen_source<problem>{};
    }
  } else if constexpr (range_access::range<bare>) {
    using source = range_source<In, Range>;
    return chosen_source<decltype(element_problem<In, typename source::element>()), source>{};
  } else {
    return chosen_source<found<source_is_no_range<bare>>>{};
  }
}

/// What make_source takes: `auto holder = hold_source<In>(std::forward<Range>(range));`. It refers to the range,
/// which must outlive it, as it must the erased_source made from it.
template <class In, class Range>
auto hold_source(Range&& from) {
  using source = decltype(choose_source<In, Range>());
  (void)sizeof(typename source::problem::problem);
  if constexpr (std::is_same_v<typename source::problem, fine> && !std::is_same_v<In, undetermined>)
    return typename source::type(from);
  else
    return no_source{};
}

/// The engine's view of a held source; it refers to the holder.
template <class Holder>
erased_source make_source(Holder& holder) {
  return {&holder, &Holder::next, holder.size()};
}

}  // namespace pawl::detail
