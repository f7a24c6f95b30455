// What _headers and _redirects have in common: lines, problems that are reported and not fatal, and the URLs that rules
// name.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::assets {

// Why a line has no effect, in one line of text.
struct RuleProblem {
  uint32_t line = 0;  // from 1
  std::string message;
};

// Space as in lines of rules: everything that an editor shows as none.
bool isSpace(char c);
std::string_view trimmed(std::string_view text);

// Takes the next line of `rest`, without its end; `rest` becomes empty behind the last.
std::string_view takeLine(std::string_view& rest);

// Which parts of a URL a rule may name.
struct RuleUrlForm {
  bool onlyPath = false;   // no host; a slash is added where it does not begin with one
  bool noPort = false;     // not even a port of a host
  bool withQuery = false;  // else it is dropped, as is a fragment
  bool withFragment = false;
};
// `text` in the spelling that a request's URL has.
base::Result<std::string> parseRuleUrl(std::string_view text, const RuleUrlForm& form);
// Whether a text that parseRuleUrl returned has a host.
bool hasHost(std::string_view url);

}  // namespace weir::assets
