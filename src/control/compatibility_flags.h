// The compatibility flags there are. wire/compatibility.h has those that weir acts on; the others are accepted, because
// what they are about is the same here either way or does not exist here.
//
// Threads: pure functions, any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::control {

struct CompatibilityFlag {
  std::string_view name;      // turns it on; empty: nothing does but a date
  std::string_view opposite;  // turns it off; empty: nothing does
  std::string_view since;     // YYYY-MM-DD: on by default from this date; empty: not by date alone
  bool experimental = false;
};

std::span<const CompatibilityFlag> compatibilityFlags();

// What is wrong with a list of flags, a line each, in the platform's words; empty: nothing.
std::string problemsWithFlags(const std::vector<std::string_view>& flags);

// Of the flags, those that the date turns on anyway; a line each.
std::vector<std::string> needlessFlags(const std::vector<std::string_view>& flags, std::string_view date);

// YYYY-MM-DD, and a day there is.
bool isDate(std::string_view text);

}  // namespace weir::control
