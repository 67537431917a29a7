// One run of a workflow over a backend of the test's own.
#pragma once

#include "run/recorded_chain.hpp"
#include "run/session.hpp"
#include "support/quiet.hpp"

#include <pawl/pawl.hpp>

#include <cstddef>
#include <stop_token>

namespace pawl::test {

struct run_shape {
  std::size_t workers = 1;
  std::size_t window = 64;
  bool check_codecs = true;
  core::clock* time = &core::system_clock();
  std::stop_token stop{};
};

template <class In, class Out, class Source>
report run_source_over(core::backend& store, core::checkpoint_log& log, const workflow_of<In, Out>& workflow,
                       Source&& source, const run_shape& shape) {
  const auto& chain = detail::chain_of(workflow);
  const core::recorded_chain recorded(*chain);
  core::workflow_record record;
  log.between_commits([&] { record = store.open_workflow(chain->name, recorded.revision(), recorded.schemas()); });
  core::run_settings settings;
  settings.workers = shape.workers;
  settings.window_items = shape.window;
  settings.check_codecs = shape.check_codecs;
  settings.options.stop = shape.stop;
  const auto logger = quiet().logger;
  core::run_state run(chain, record, store, log, *shape.time, *logger, settings);
  auto holder = detail::hold_source<In>(source);
  return core::run_session(run, detail::make_source(holder));
}

template <class In, class Out>
report run_over(core::backend& store, core::checkpoint_log& log, const workflow_of<In, Out>& workflow,
                std::vector<In> items, std::size_t workers, std::size_t window = 64) {
  return run_source_over(store, log, workflow, items, {.workers = workers, .window = window});
}

}  // namespace pawl::test
