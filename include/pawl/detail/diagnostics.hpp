// What is wrong in a chain, as the compiler says it.
//
// A static_assert message is a literal in C++20, so the sentence is fixed and the
// names stand in types: each problem is a class template whose instantiation fails
// with the sentence, and whose arguments the compiler prints beside it:
//
//   neighbours_do_not_fit<the_result_of<text<'r','e','a','d'>, page>, is_not_accepted_by<text<'w'>, record>>
//
// One struct per problem; nothing here decides anything (chain_types.hpp does).
#pragma once

#include <pawl/detail/fixed_string.hpp>

#include <cstddef>
#include <utility>

namespace pawl::detail {

/// A name, spelled so that every compiler prints it as characters.
template <char... C>
struct text {};

template <fixed_string Name, std::size_t... I>
text<Name.chars[I]...> spell(std::index_sequence<I...>);
template <fixed_string Name>
using spelled = decltype(spell<Name>(std::make_index_sequence<Name.size()>{}));

// The words of the line.
template <class Name, class T>
struct the_result_of;
template <class T>
struct the_input;
template <class Name>
struct the_step;
template <class Name>
struct the_workflow;
template <std::size_t Place>
struct the_step_in_place;  // counts from 1
template <class Name, class Parameter>
struct is_not_accepted_by;
template <class Name, class Parameter>
struct would_be_converted_by;
template <class Parameter>
struct which_takes;
template <class T>
struct returns;
template <class T>
struct gives;
template <class Name>
struct asks_for;
template <class Name, class T>
struct asks_for_result;
struct a_generic_function;

template <class...>
inline constexpr bool holds_for = false;

/// What a check returns: the type of a problem, which fails only where it is instantiated.
template <class Problem>
struct found {
  using problem = Problem;
};
struct no_problem {};
using fine = found<no_problem>;

template <class Left, class Right>
struct neighbours_do_not_fit {
  static_assert(
      holds_for<Left, Right>,
      "pawl: a step does not accept what arrives at it; a step after a T takes const T&, T, T&& or a view of T");
};
template <class Left, class Right>
struct nothing_is_converted {
  static_assert(
      holds_for<Left, Right>,
      "pawl: a step would silently convert what arrives at it; make its parameter the very type that arrives");
};
template <class Step, class Parameter>
struct input_by_mutable_reference {
  static_assert(holds_for<Step, Parameter>,
                "pawl: a step takes its input by non-const reference; take const T& to read it, or T to consume it");
};
template <class Step, class... Parameter>
struct more_than_one_input {
  static_assert(holds_for<Step, Parameter...>,
                "pawl: a step takes more than one value; exactly one arrives: ask for the others by pawl::item<T> or "
                "pawl::from<\"step\", T>");
};
template <class Step, class Parameter>
struct context_not_by_reference {
  static_assert(holds_for<Step, Parameter>, "pawl: a step takes its context as pawl::context&");
};
template <class Step, class Parameter>
struct transaction_not_by_reference {
  static_assert(holds_for<Step, Parameter>, "pawl: a step takes its transaction as pawl::transaction&");
};
template <class Step>
struct transaction_outside_transactional {
  static_assert(holds_for<Step>,
                "pawl: a step asks for pawl::transaction&, which only a transactional step has: "
                "pawl::transactional<\"name\">(f)");
};
template <class Step, class Asked, class Input>
struct item_is_another_type {
  static_assert(holds_for<Step, Asked, Input>,
                "pawl: a step asks for pawl::item<T>, and T is not the type of the workflow's input");
};
template <class Step, class Asked>
struct from_unknown_step {
  static_assert(holds_for<Step, Asked>, "pawl: a step asks by pawl::from for the result of a step that does not exist");
};
template <class Step, class Asked>
struct from_later_step {
  static_assert(
      holds_for<Step, Asked>,
      "pawl: a step asks by pawl::from for its own result or that of a later step; only earlier ones are there");
};
template <class Step, class Asked, class Actual>
struct from_another_type {
  static_assert(holds_for<Step, Asked, Actual>,
                "pawl: a step asks by pawl::from for the result of a step that returns another type");
};
template <class Step, class T>
struct consumes_what_it_looks_at {
  static_assert(holds_for<Step, T>,
                "pawl: a step consumes the very value that it also asks for by pawl::item or pawl::from, and that type "
                "cannot be copied; take it by const reference");
};
template <class Step, class Input>
struct input_is_used_up {
  static_assert(
      holds_for<Step, Input>,
      "pawl: a step consumes the workflow's input, which a later step needs and which can be neither copied nor "
      "encoded; take it by const reference");
};
template <class Step>
struct function_is_mutable {
  static_assert(holds_for<Step>,
                "pawl: a step's function must be callable through const, as several threads call it at once; drop "
                "`mutable` and keep what changes behind a reference");
};
template <class Step, class Result>
struct result_is_a_reference {
  static_assert(holds_for<Step, Result>, "pawl: a step returns a reference; return the value, as a checkpoint owns it");
};
template <class Step, class Result>
struct result_is_awaitable {
  static_assert(
      holds_for<Step, Result>,
      "pawl: a step returns something awaitable; asynchronous steps are not supported, wait for it and return "
      "the value");
};
/// Explained says what in the result has no codec, and what to do.
template <class Step, class Result, class Explained>
struct result_has_no_codec : Explained {
  static_assert(holds_for<Step, Result>, "pawl: a step's result cannot be recorded, as it has no codec");
};
template <class Step>
struct input_not_deducible {
  static_assert(holds_for<Step>,
                "pawl: the first step does not tell its input; write its parameter's type, or pawl::workflow<\"name\", "
                "In>(...)");
};
template <class Workflow, class In>
struct input_is_no_value {
  static_assert(holds_for<Workflow, In>,
                "pawl: the input of a workflow must be a plain object type: no reference, no "
                "const, no array, no void");
};
template <class Name>
struct duplicate_step_name {
  static_assert(holds_for<Name>,
                "pawl: two steps of one workflow have the same name; checkpoints are stored under it, so rename one");
};
template <class Step>
struct empty_step_name {
  static_assert(holds_for<Step>, "pawl: the name of a step is empty; checkpoints are stored under it");
};
template <class Of>
struct empty_workflow_name {
  static_assert(holds_for<Of>, "pawl: the name of a workflow is empty; its items are stored under it");
};
template <class Step>
struct slash_in_step_name {
  static_assert(holds_for<Step>,
                "pawl: the name of a step has a slash in it; workflows of children are named PARENT/STEP, so leave it out");
};
template <class Workflow>
struct slash_in_workflow_name {
  static_assert(holds_for<Workflow>,
                "pawl: the name of a workflow has a slash in it; workflows of children are named PARENT/STEP, so leave it "
                "out");
};
template <class Step, class Branch>
struct duplicate_branch_name {
  static_assert(holds_for<Step, Branch>,
                "pawl: two branches of a parallel step have the same name; checkpoints are stored under it, so rename one");
};
template <class Workflow>
struct empty_chain {
  static_assert(holds_for<Workflow>, "pawl: a workflow needs at least one step");
};
template <class Place, class T>
struct not_a_step {
  static_assert(
      holds_for<Place, T>,
      "pawl: a workflow is made of steps; wrap the function: pawl::step<\"name\">(f) or pawl::pure<\"name\">(f)");
};
template <class Step, class Function>
struct member_without_object {
  static_assert(holds_for<Step, Function>,
                "pawl: a member function needs its object: pawl::step<\"name\">(&type::function, &object)");
};
template <class Step, class Object>
struct object_is_no_pointer {
  static_assert(
      holds_for<Step, Object>,
      "pawl: pawl::step<\"name\">(&type::function, object) takes a pointer to the object (or a smart pointer); "
      "the function must be const where the object is");
};
template <class Step, class Result>
struct round_returns_something_else {
  static_assert(holds_for<Step, Result>,
                "pawl: the function of a pawl::loop returns pawl::round::again or pawl::round::done (no bool: which way "
                "round would it be?)");
};
template <class Step, class... Parameter>
struct loop_takes_no_state {
  static_assert(holds_for<Step, Parameter...>,
                "pawl: the function of a pawl::loop takes its state by non-const reference: f(State&), or f(State&, "
                "pawl::context&)");
};
template <class Exception>
struct not_an_exception_type {
  static_assert(holds_for<Exception>,
                "pawl: .retry_on<E> and .skip_on<E> take the type of an exception: no reference, no const, no pointer");
};
template <class Step>
struct idempotent_on_pure {
  static_assert(holds_for<Step>,
                "pawl: .idempotent() is for an effect that may be repeated; a pure step has none, so drop it, or make "
                "it a pawl::step");
};
template <class Step>
struct at_most_once_on_another_kind {
  static_assert(holds_for<Step>,
                "pawl: .at_most_once() is for a pawl::step: a pure step has no effect, the writes of a transactional one take "
                "place exactly once, and a loop goes on from its checkpoints; drop it");
};
template <class Step>
struct rate_limit_on_pure {
  static_assert(holds_for<Step>,
                "pawl: .rate_limit() protects what a step touches outside, and a pure step touches nothing; make it a "
                "pawl::step, or drop it (.concurrency(n) limits calls at the same time)");
};
template <class Step>
struct rate_limit_on_batch {
  static_assert(holds_for<Step>,
                "pawl: .rate_limit() counts the calls of single items, and a batch is called for many; drop it "
                "(.concurrency(n) limits calls at the same time)");
};
template <class Step, class Function>
struct batch_takes_no_view {
  static_assert(holds_for<Step, Function>,
                "pawl: the function of a batch takes pawl::batch_view<T> of what arrives, and pawl::context& beside it "
                "if it wants; its parameters must tell T, so it is not generic");
};
template <class Step, class View>
struct batch_of_views {
  static_assert(holds_for<Step, View>,
                "pawl: the entries of a batch are the values that arrive, not views of them; write "
                "pawl::batch_view<std::string>, pawl::batch_view<std::vector<T>>");
};
template <class Step, class Result>
struct batch_returns_no_results {
  static_assert(holds_for<Step, Result>,
                "pawl: the function of a batch returns nothing, or a std::vector with one result or pawl::outcome for "
                "each entry");
};
template <class Step>
struct modifier_of_an_each {
  static_assert(holds_for<Step>,
                "pawl: .collect(), .count_failures() and .reproducible() are for a pawl::each, which has children; drop it");
};
template <class Step, class Function>
struct each_source_is_generic {
  static_assert(holds_for<Step, Function>,
                "pawl: the source of an each is a function that takes what arrives; its parameters must tell the type, so "
                "it is not generic");
};
template <class Step, class Result>
struct each_source_gives_nothing {
  static_assert(holds_for<Step, Result>,
                "pawl: the source of an each returns the inputs of its children: a std::vector or another range of them, "
                "or a function without parameters that returns std::optional, empty at the end");
};
template <class Step, class Gives, class Takes>
struct each_source_does_not_fit {
  static_assert(holds_for<Step, Gives, Takes>,
                "pawl: the source of an each gives what the workflow of the children does not take as input without "
                "narrowing");
};
template <class Step, class Input, class Explained>
struct children_have_no_codec : Explained {
  static_assert(holds_for<Step, Input>,
                "pawl: children are recorded before the first of them starts, and their input cannot be, as it has no codec");
};
template <class Step, class T>
struct each_takes_no_workflow {
  static_assert(holds_for<Step, T>,
                "pawl: the second argument of an each is the workflow of its children: pawl::workflow<\"row\">(...)");
};
template <class Step>
struct parallel_input_not_deducible {
  static_assert(holds_for<Step>,
                "pawl: no branch of a parallel tells what arrives; write a parameter's type, or pawl::parallel<\"name\", "
                "In>(...)");
};
template <class Step, class Input>
struct branches_need_a_copy {
  static_assert(holds_for<Step, Input>,
                "pawl: each branch of a parallel gets a copy of what arrives, and that type cannot be copied");
};
template <class Step, class... Given>
struct parallel_takes_steps {
  static_assert(holds_for<Step, Given...>,
                "pawl: a parallel is made of two or more steps: pawl::parallel<\"name\">(pawl::step<\"a\">(f), "
                "pawl::step<\"b\">(g))");
};
template <class Step, class Function>
struct migration_tells_no_type {
  static_assert(holds_for<Step, Function>,
                "pawl: .migrate takes a function of one parameter, which tells what the older version returned: "
                "[](const Old&) -> New");
};
template <class Step, class Old>
struct migration_from_no_record {
  static_assert(holds_for<Step, Old>,
                "pawl: .migrate takes what an older version returned, and a value of this type cannot have been "
                "recorded, as it has no codec");
};
template <class Step, class Old>
struct duplicate_migration {
  static_assert(holds_for<Step, Old>, "pawl: a step has two .migrate that take the same type; drop one");
};
template <class Step, class Gives, class Result>
struct migration_gives_another_type {
  static_assert(holds_for<Step, Gives, Result>,
                "pawl: .migrate makes the very type that its step returns; nothing is converted");
};
template <class In, class Key>
struct key_is_bool_or_floating {
  static_assert(holds_for<In, Key>,
                "pawl: a key is text or an integer; bool and floating point numbers do not identify an item");
};
template <class In, class Key>
struct key_is_no_text_or_integer {
  static_assert(holds_for<In, Key>,
                "pawl: a key is text or an integer; let the projection return a std::string, an integer or an enum");
};
template <class In, class Projection>
struct projection_not_callable {
  static_assert(holds_for<In, Projection>,
                "pawl: .key(projection) must be callable through const with const In&: a member pointer like "
                "&order::id, or a lambda");
};
template <class Gives, class Takes>
struct source_does_not_fit {
  static_assert(holds_for<Gives, Takes>,
                "pawl: the source gives elements that the workflow does not take as input without narrowing");
};
template <class Source>
struct source_is_no_range {
  static_assert(holds_for<Source>,
                "pawl: the source of a run is a range (something with begin and end) or pawl::generate(fn)");
};
template <class Function>
struct generator_gives_no_optional {
  static_assert(holds_for<Function>,
                "pawl: pawl::generate(fn) takes a function without parameters that returns std::optional<In>, empty at "
                "the end");
};

}  // namespace pawl::detail
