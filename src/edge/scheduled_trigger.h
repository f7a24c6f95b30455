// ScheduledTrigger: a developer's request that fires a cron trigger and waits for its end, as
// /cdn-cgi/handler/scheduled?cron=*+*+*+*+*&time=1700000000000. Of use where one script answers for every host (`weir
// dev`).
//
// Threads: its loop's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/server.h"
#include "wire/bounds.h"
#include "wire/outcome.h"

namespace weir::edge {

class ScheduledTrigger final : private http::ExchangeEvents {
 public:
  static constexpr std::string_view kPath = "/cdn-cgi/handler/scheduled";

  struct Query {
    std::string cron;              // empty: none was given
    std::optional<double> timeMs;  // since 1970
  };
  // Nullopt: the target is another path, or its query cannot be read.
  static std::optional<Query> parse(std::string_view target);

  // Becomes the exchange's events; keep it until `answer`.
  explicit ScheduledTrigger(http::Exchange& exchange) : exchange_(&exchange) { exchange.setEvents(*this); }

  // Tells the client how it ended: its outcome as text, 200 or 500.
  void answer(wire::Outcome outcome);

 private:
  void onGone() override { exchange_ = nullptr; }

  http::Exchange* exchange_;  // null once it is dead
};

}  // namespace weir::edge
