#include "edge/rate_counters.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/check.h"

namespace weir::edge {

namespace {

// Counts that are over and go with each new one, so that a table which was full once becomes small again.
constexpr int kSweptPerCount = 2;

int64_t millisecondsOf(base::Instant now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
}

}  // namespace

size_t RateCounters::DigestHash::operator()(const Digest& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

void RateCounters::Count::moveTo(int64_t nowMs) {
  const int64_t now = nowMs / periodMs;
  if (now == window) return;
  previous = now == window + 1 ? current : 0;
  current = 0;
  window = now;
}

uint64_t RateCounters::Count::recent(int64_t nowMs) const {
  const auto period = static_cast<uint64_t>(periodMs);
  const uint64_t left = period - static_cast<uint64_t>(nowMs % periodMs);
  return current + (previous * left + period - 1) / period;
}

RateCounters::Count& RateCounters::Account::touch(std::list<Count>::iterator at) {
  counts.splice(counts.begin(), counts, at);
  return counts.front();
}

void RateCounters::Account::dropLast() {
  byId.erase(counts.back().id);
  counts.pop_back();
}

RateCounters::RateCounters(const Limits& limits) : limits_(limits) {
  CHECK(limits_.shards > 0);
  CHECK(limits_.keysMax > 0);
  for (size_t i = 0; i < limits_.shards; ++i) shards_.push_back(std::make_unique<Shard>());
}

// Whoever chooses keys cannot choose two that are counted as one.
RateCounters::Digest RateCounters::digestOf(const RateQuery& query) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  const uint64_t shape[] = {query.periodSeconds, query.space.size()};
  CHECK(EVP_DigestUpdate(context, shape, sizeof shape) == 1);
  CHECK(EVP_DigestUpdate(context, query.space.data(), query.space.size()) == 1);
  CHECK(EVP_DigestUpdate(context, query.key.data(), query.key.size()) == 1);
  std::array<uint8_t, 32> hash{};
  CHECK(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1);
  EVP_MD_CTX_free(context);
  Digest digest;
  std::copy_n(hash.begin(), digest.size(), digest.begin());
  return digest;
}

bool RateCounters::take(const RateQuery& query, base::Instant now) {
  CHECK(query.periodSeconds > 0);
  const Digest id = digestOf(query);
  const int64_t nowMs = millisecondsOf(now);
  Shard& shard = *shards_[std::hash<std::string_view>()(query.account) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  Count& count = find(shard, query, id, nowMs);
  count.moveTo(nowMs);
  if (count.recent(nowMs) >= query.limit) return false;
  count.current = std::min<uint64_t>(count.current + query.delta, UINT32_MAX);
  return true;
}

RateCounters::Count& RateCounters::find(Shard& shard, const RateQuery& query, const Digest& id, int64_t nowMs) {
  const std::string name(query.account);
  if (const auto account = shard.accounts.find(name); account != shard.accounts.end()) {
    const auto at = account->second.byId.find(id);
    if (at != account->second.byId.end()) return account->second.touch(at->second);
  }
  makeRoom(shard, name, nowMs);
  Account& account = shard.accounts[name];
  Count count;
  count.id = id;
  count.periodMs = int64_t{query.periodSeconds} * 1000;
  count.window = nowMs / count.periodMs;
  account.counts.push_front(count);
  account.byId[id] = account.counts.begin();
  ++shard.size;
  return account.counts.front();
}

void RateCounters::makeRoom(Shard& shard, const std::string& account, int64_t nowMs) {
  for (int i = 0; i < kSweptPerCount; ++i) {
    const auto own = shard.accounts.find(account);
    if (own == shard.accounts.end() || !own->second.counts.back().isOver(nowMs)) break;
    dropLast(shard, account);
  }
  if (shard.size < limits_.keysMax) return;
  const auto own = shard.accounts.find(account);
  if (own != shard.accounts.end() && own->second.counts.size() * shard.accounts.size() >= limits_.keysMax)
    return dropLast(shard, account);
  const auto largest = std::max_element(shard.accounts.begin(), shard.accounts.end(), [](const auto& a, const auto& b) {
    return a.second.counts.size() < b.second.counts.size();
  });
  dropLast(shard, std::string(largest->first));
}

void RateCounters::dropLast(Shard& shard, const std::string& account) {
  const auto at = shard.accounts.find(account);
  at->second.dropLast();
  --shard.size;
  if (at->second.counts.empty()) shard.accounts.erase(at);
}

size_t RateCounters::size() const {
  size_t all = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    all += shard->size;
  }
  return all;
}

}  // namespace weir::edge
