// The types of the cases in this folder.
#pragma once

#include <pawl/workflow.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct url {
  std::string text;
  bool seen = false;
};
struct page {
  std::string html;
};
struct record {
  std::string title;
};
