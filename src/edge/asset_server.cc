#include "edge/asset_server.h"

#include <utility>

namespace weir::edge {

namespace {

constexpr size_t kWaitsMax = 4'096;
constexpr std::chrono::milliseconds kWaitMax{5'000};  // a version is read in milliseconds, unless it cannot be

}  // namespace

AssetServer::AssetServer(Parts parts) : parts_(std::move(parts)), timer_(parts_.loop.timers(), [this] { expire(); }) {}

AssetServer::~AssetServer() = default;

bool AssetServer::take(http::Exchange& exchange, Client client, const Ray& ray, const Version& version,
                       std::function<void()> toWorker) {
  if (version->content || version->refusal) return takeLoaded(exchange, client, ray, *version);
  if (waits_.size() >= kWaitsMax) {
    parts_.respondWithPage(exchange, 1105, ray);
    return true;
  }
  waits_.push_back(
      std::make_unique<Wait>(*this, exchange, client, ray, version, std::move(toWorker), parts_.loop.now() + kWaitMax));
  exchange.setEvents(*waits_.back());
  if (!timer_.armed()) timer_.arm(waits_.front()->until);
  parts_.load(version);
  return true;
}

bool AssetServer::takeLoaded(http::Exchange& exchange, Client client, const Ray& ray,
                             const sandbox::RunnableVersion& version) {
  if (!version.content || !version.content->site) return false;
  const auto& site = version.content->site;
  const auto& head = exchange.head();
  if (version.content->runs &&
      site->isForWorker({head.method, exchange.isTls(), head.authority, head.target, head.headers})) {
    return false;
  }
  version.markUsed(parts_.index, parts_.loop.now());
  answer(exchange, client, ray, site);
  return true;
}

void AssetServer::answer(http::Exchange& exchange, Client client, const Ray& ray,
                         std::shared_ptr<const assets::Site> site) {
  const auto& head = exchange.head();
  auto made = site->answer({head.method, exchange.isTls(), head.authority, head.target, head.headers});
  auto coding = http::ContentCoding::kIdentity;
  if (client == Client::kOutside)
    coding = AssetResponse::chooseCoding(head.headers.find("accept-encoding").value_or(""), made);
  made.headers.set("cf-ray", ray.header());
  if (made.ofFile)
    made.headers.set("cf-cache-status", AssetResponse::isAtHand(parts_.cache, made, coding) ? "HIT" : "MISS");
  if (AssetResponse::respondAtOnce(exchange, parts_.cache, made, coding)) return;
  const auto response = std::make_shared<AssetResponse>(static_cast<AssetResponseOwner&>(*this), parts_.loop,
                                                        parts_.cache, std::move(site), std::move(made), coding);
  running_[response.get()] = {response, ray};
  response->start(exchange);
}

void AssetServer::versionsLoaded() {
  std::list<std::unique_ptr<Wait>> ready;
  for (auto at = waits_.begin(); at != waits_.end();) {
    const auto next = std::next(at);
    if ((*at)->version->content || (*at)->version->refusal) ready.splice(ready.end(), waits_, at);
    at = next;
  }
  for (const auto& wait : ready) {
    // What one does may end another's exchange.
    if (!wait->gone && !takeLoaded(wait->exchange, wait->client, wait->ray, *wait->version)) wait->toWorker();
  }
}

void AssetServer::expire() {
  while (!waits_.empty() && waits_.front()->until <= parts_.loop.now()) {
    const std::unique_ptr<Wait> wait = std::move(waits_.front());
    waits_.pop_front();
    parts_.respondWithPage(wait->exchange, 1104, wait->ray);
  }
  if (!waits_.empty()) timer_.arm(waits_.front()->until);
}

void AssetServer::Wait::onGone() {
  gone = true;
  for (auto at = server.waits_.begin(); at != server.waits_.end(); ++at) {
    if (at->get() != this) continue;
    server.parts_.loop.dispose(std::move(*at));
    server.waits_.erase(at);
    return;
  }
}

void AssetServer::onAssetOver(AssetResponse& response) {
  const auto at = running_.find(&response);
  if (at == running_.end()) return;
  // A frame below may stand in it.
  parts_.loop.dispose(std::make_unique<std::shared_ptr<AssetResponse>>(std::move(at->second.response)));
  running_.erase(at);
}

void AssetServer::onAssetFailed(AssetResponse& response, http::Exchange& exchange) {
  const auto at = running_.find(&response);
  parts_.respondWithPage(exchange, 1105, at == running_.end() ? Ray{} : at->second.ray);
}

}  // namespace weir::edge
