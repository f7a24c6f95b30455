// _redirects: where requests are sent, or which other path answers them. One rule on each line:
//
//   FROM TO [200|301|302|303|307|308]   # comment
//
// FROM is a path that may have a splat and placeholders, TO a path or an https URL that may name them. 200 answers with
// what is at TO. Rules without splat and placeholders that stand above all others are *static*: they are looked up, and
// win; the others are tried in their order. A line that is no rule has no effect and is reported.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "assets/rule_pattern.h"
#include "assets/rules_text.h"

namespace weir::assets {

struct RedirectTarget {
  uint16_t status = 302;
  std::string to;
};

class Redirects {
 public:
  Redirects() = default;
  // `htmlHandling`: whether index.html answers at its folder, so that a rule to it would come back.
  static Redirects parse(std::string_view text, bool htmlHandling, std::vector<RuleProblem>& problems);

  bool empty() const { return static_.empty() && dynamic_.empty(); }
  size_t size() const { return static_.size() + dynamic_.size(); }

  // `path` as urlPath gives it.
  std::optional<RedirectTarget> find(std::string_view path) const;

 private:
  struct Dynamic {
    RulePattern from;
    RedirectTarget target;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::unordered_map<std::string, RedirectTarget, Hash, std::equal_to<>> static_;
  std::vector<Dynamic> dynamic_;
};

}  // namespace weir::assets
