// All that a program which uses pawl needs. Start reading at engine.hpp.
#pragma once

#include <pawl/amend.hpp>
#include <pawl/batch.hpp>
#include <pawl/codec.hpp>
#include <pawl/context.hpp>
#include <pawl/describe.hpp>
#include <pawl/each.hpp>
#include <pawl/engine.hpp>
#include <pawl/error.hpp>
#include <pawl/handle.hpp>
#include <pawl/loop.hpp>
#include <pawl/options.hpp>
#include <pawl/outcome.hpp>
#include <pawl/parallel.hpp>
#include <pawl/plan.hpp>
#include <pawl/progress.hpp>
#include <pawl/report.hpp>
#include <pawl/source.hpp>
#include <pawl/step.hpp>
#include <pawl/table.hpp>
#include <pawl/workflow.hpp>
