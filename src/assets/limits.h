// What of static assets is bounded, whatever a plan allows (reference/limits.md §6).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::assets {

struct Limits {
  static constexpr size_t kFilesMax = 100'000;                 // of a version
  static constexpr uint64_t kFileBytesMax = 25u << 20;         // of one file
  static constexpr size_t kPathBytesMax = 1'024;               // of a file's path, decoded
  static constexpr size_t kTypeBytesMax = 256;                 // of a Content-Type
  static constexpr size_t kManifestPathsBytesMax = 16u << 20;  // of all paths of a version
  static constexpr size_t kRulesTextBytesMax = 1u << 20;       // of _headers and of _redirects
  static constexpr size_t kStaticRedirectsMax = 2'000;         // without splat or placeholder
  static constexpr size_t kDynamicRedirectsMax = 100;          // with
  static constexpr size_t kRedirectLineBytesMax = 1'000;       // of a rule
  static constexpr size_t kHeaderRulesMax = 100;
  static constexpr size_t kHeaderLineBytesMax = 2'000;
  static constexpr size_t kWorkerFirstRulesMax = 100;
  static constexpr size_t kWorkerFirstRuleBytesMax = 100;
  static constexpr size_t kProblemsMax = 100;  // reported of one file of rules
  // Of a session to upload in, and of what it ends in, each from when it was given out.
  static constexpr std::chrono::seconds kTokenLife{3'600};
};

}  // namespace weir::assets
