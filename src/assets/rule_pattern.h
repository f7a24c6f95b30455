// RulePattern: what a rule of _headers or _redirects is for: a path, or a host and a path, in which "*" is any text and
// ":name" is some text without a slash (in a host, without a slash or a dot).
//
// Matching takes one pass over the path for each part of the pattern, whatever both are, from its end to its beginning:
// the text between two placeholders is looked for from the right, where it leaves most to what stands before it, which
// is what a regular expression would find with backtracking.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::assets {

// What a pattern's "*" (as "splat") and placeholders stand for.
struct Capture {
  std::string_view name;  // of the pattern
  std::string value;
};
using Captures = std::vector<Capture>;

class RulePattern {
 public:
  // `text` begins with '/' or "https://". The error says why no request can match: two splats, a name twice.
  static base::Result<RulePattern> parse(std::string_view text);
  // Whether a text has parts that match more than themselves.
  static bool isDynamic(std::string_view text);

  // `host` without a port. `captures` is filled on a match, in the order of the pattern.
  bool match(std::string_view host, std::string_view path, Captures& captures) const;

 private:
  enum class Kind : uint8_t { kText, kName, kHostName, kSplat };
  struct Part {
    Kind kind;
    std::string text;  // itself, or the name
  };
  struct Span {
    size_t from, to;
  };

  // Matches parts [first, last) so that they end at `end`. `begin` is where they begin, as far to the right as can be.
  bool matchBackwards(std::string_view text, size_t first, size_t last, size_t end, std::vector<Span>& spans,
                      size_t& begin) const;

  std::vector<Part> parts_;
  std::optional<size_t> splat_;    // its place in parts_
  size_t slashesBeforeSplat_ = 0;  // in the texts before it
  bool hasHost_ = false;
};

// `text` with each ":name" that `captures` knows replaced by what it stands for.
std::string fillIn(std::string_view text, const Captures& captures);

}  // namespace weir::assets
