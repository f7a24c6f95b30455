#include "control/failed_attempts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace weir::control {

std::string FailedAttempts::keyOf(std::string_view ip) {
  std::string text(ip);
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address)) return text;
  return std::string(reinterpret_cast<const char*>(&address), 8);
}

std::chrono::milliseconds FailedAttempts::waitOf(std::string_view ip, base::Instant now) const {
  const auto found = peers_.find(keyOf(ip));
  if (found == peers_.end()) return std::chrono::milliseconds(0);
  // So much may be unforgiven before a next attempt.
  const auto allowed = limits_.forgiveEvery * (limits_.free - 1);
  const auto wait = found->second->until - now - allowed;
  return std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(wait));
}

void FailedAttempts::add(std::string_view ip, base::Instant now) {
  const std::string key = keyOf(ip);
  auto found = peers_.find(key);
  if (found == peers_.end()) {
    if (peers_.size() >= limits_.peersMax) {
      peers_.erase(byAge_.back().key);
      byAge_.pop_back();
    }
    byAge_.push_front({key, now});
    found = peers_.emplace(key, byAge_.begin()).first;
  } else {
    byAge_.splice(byAge_.begin(), byAge_, found->second);
  }
  Peer& peer = *found->second;
  // Attempts that were under way at once do not add up for ever.
  peer.until = std::min(std::max(peer.until, now) + limits_.forgiveEvery, now + limits_.forgiveEvery * limits_.free);
}

}  // namespace weir::control
