// AssetServer: static assets on one loop: which requests they answer, and the answers that are on their way.
//
// Story of a request to a version that has assets: if the version is not in memory, the request waits until it is →
// its Site says whether the Worker gets it → if not, the answer is sent at once where its content is at hand, else it
// becomes an AssetResponse.
//
// Threads: its loop's.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "edge/asset_response.h"
#include "edge/ray.h"
#include "net/loop.h"
#include "sandbox/runnable_version.h"

namespace weir::edge {

class AssetServer final : private AssetResponseOwner {
 public:
  using Version = std::shared_ptr<const sandbox::RunnableVersion>;
  // Who asks. A script is in this process: what it gets is not coded, only to be decoded again.
  enum class Client : uint8_t { kOutside, kScript };
  struct Parts {
    uint32_t index;   // of the loop
    net::Loop& loop;  // borrowed, as the cache; they outlive this
    AssetCache& cache;
    std::function<void(http::Exchange& exchange, uint16_t code, const Ray& ray)> respondWithPage;
    std::function<void(const Version& version)> load;  // `versionsLoaded` follows
  };
  explicit AssetServer(Parts parts);
  // What waits is forgotten: its exchanges are dead, or will be.
  ~AssetServer();

  // True: the version's assets answer the request, or it waits to see whether they do; `toWorker` is called when the
  // wait ends with the Worker, while the exchange is open. False: the Worker answers; nothing happened.
  [[nodiscard]] bool take(http::Exchange& exchange, Client client, const Ray& ray, const Version& version,
                          std::function<void()> toWorker);
  // The assets answer, whatever the version says of its Worker.
  void answer(http::Exchange& exchange, Client client, const Ray& ray, std::shared_ptr<const assets::Site> site);

  // Versions were loaded, or could not be: requests that wait for them go on.
  void versionsLoaded();

 private:
  // A request whose version is not in memory.
  struct Wait final : http::ExchangeEvents {
    Wait(AssetServer& server, http::Exchange& exchange, Client client, const Ray& ray, Version version,
         std::function<void()> toWorker, base::Instant until)
        : server(server),
          exchange(exchange),
          client(client),
          ray(ray),
          version(std::move(version)),
          toWorker(std::move(toWorker)),
          until(until) {}
    void onGone() override;
    AssetServer& server;
    http::Exchange& exchange;
    const Client client;
    const Ray ray;
    const Version version;
    const std::function<void()> toWorker;
    const base::Instant until;
    bool gone = false;  // the exchange is dead
  };
  struct Running {
    std::shared_ptr<AssetResponse> response;
    Ray ray;
  };

  bool takeLoaded(http::Exchange& exchange, Client client, const Ray& ray, const sandbox::RunnableVersion& version);
  void expire();
  void onAssetOver(AssetResponse& response) override;
  void onAssetFailed(AssetResponse& response, http::Exchange& exchange) override;

  const Parts parts_;
  std::list<std::unique_ptr<Wait>> waits_;  // in order of time
  net::Timer timer_;                        // of the first of them
  std::unordered_map<AssetResponse*, Running> running_;
};

}  // namespace weir::edge
