// _headers: what responses with assets carry in their heads. A path, or an https URL with a host, on a line of its own,
// then what is set and removed where it matches:
//
//   /static/*
//     Cache-Control: max-age=31536000
//     ! X-Robots-Tag
//
// A request gets the headers of every rule that matches it, in their order; values of one name that several rules set
// are joined. A line that is no rule has no effect and is reported.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assets/rule_pattern.h"
#include "assets/rules_text.h"
#include "http/header_list.h"

namespace weir::assets {

class HeaderRules {
 public:
  HeaderRules() = default;
  static HeaderRules parse(std::string_view text, std::vector<RuleProblem>& problems);

  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }

  // Changes the head of a response to a request for `path`, as urlPath gives it, at `host` (without a port).
  void apply(std::string_view host, std::string_view path, http::HeaderList& headers) const;

 private:
  struct Field {
    std::string name;  // in lower case
    std::string value;
  };
  struct Rule {
    std::string path;
    RulePattern pattern;
    std::vector<Field> set;
    std::vector<std::string> unset;
  };

  std::vector<Rule> rules_;
};

}  // namespace weir::assets
