// WorkerFirst: which requests a version's Worker gets before anybody looks for an asset: none, all, or those that a
// rule names. A rule is a path in which "*" is any text; with "!" before it, it names what goes to the assets in any
// case.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::assets {

class WorkerFirst {
 public:
  enum class Choice : uint8_t {
    kAssetIfAny,  // an asset if there is one, else the Worker
    kWorker,
    kAsset,  // and its not-found handling, never the Worker
  };

  WorkerFirst() = default;
  static WorkerFirst always();
  // The error is one text, of several lines when several rules are wrong.
  static base::Result<WorkerFirst> parse(std::span<const std::string> rules);

  // `path` as urlPath gives it.
  Choice choose(std::string_view path) const;

 private:
  bool always_ = false;
  std::vector<std::string> worker_;
  std::vector<std::string> asset_;
};

// Whether `path` is `glob`, in which "*" is any text.
bool matchesGlob(std::string_view glob, std::string_view path);

}  // namespace weir::assets
