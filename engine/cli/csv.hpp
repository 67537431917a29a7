// Cells of a CSV file by RFC 4180, which no spreadsheet takes for formulas.
#pragma once

#include <string>
#include <string_view>

namespace pawl::cli {

// One cell. The rules, in this order; they are what `pawl export --help` says:
//
//   1. Control characters other than tab, line feed and carriage return, and bytes that are not UTF-8,
//      become \xNN.
//   2. A cell that, behind any spaces, begins with = + - @ (also in their full-width forms), a tab, a
//      carriage return or a line feed gets an apostrophe in front, unless all of it is a plain number
//      such as -1.5e3.
//   3. A cell with a comma, a quote, a carriage return or a line feed, or with a space at either end, is
//      put in quotes; quotes in it are doubled.
[[nodiscard]] std::string csv_cell(std::string_view bytes);

}  // namespace pawl::cli
