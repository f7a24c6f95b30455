// ControlServer: the address where operators and their tools ask, on a loop and a thread of its own, so that what they
// ask costs the data plane nothing and is answered while that is busy.
//
// GET /health    JSON (health.h); 503 when the platform takes no requests
// GET /metrics   Prometheus text
// POST /trigger/cron   with a token that may change the script
// /client/v4/…   the management API (api_server.h)
//
// A web page in an operator's browser must not read it by giving its own name this address (DNS rebinding): while it
// listens on loopback, only requests whose Host is an IP literal or a name under `localhost` are answered.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "control/api_server.h"
#include "http/server.h"
#include "net/loop.h"

namespace weir::control {

class ControlServer final : private http::RequestHandler {
 public:
  struct Answer {
    uint16_t status = 200;
    std::string type;
    std::string body;
  };
  struct Options {
    net::Address address;
    bool anyAddress = false;  // it may be one that others can reach, under any name
    const base::Clock& clock;
    // Called on the server's thread.
    std::function<Answer()> health;
    std::function<Answer()> metrics;
    // Fires the cron trigger of an account's script; an empty `cron` is the only one it has. `then` may be called on
    // any thread, until the server is destroyed.
    std::function<void(std::string account, std::string script, std::string cron, std::function<void(Answer)> then)>
        fireCron;
    std::optional<ApiServer::Options> api{};  // none: there is no management API, and nothing is fired
  };

  // POST with the fields kScriptField and, perhaps, kCronField and kAccountField (name or id; the first account is
  // meant where it is missing), authorised like a change of the script by the management API.
  static constexpr std::string_view kCronPath = "/trigger/cron";
  static constexpr std::string_view kScriptField = "weir-script";
  static constexpr std::string_view kCronField = "weir-cron";
  static constexpr std::string_view kAccountField = "weir-account";

  // Listens and answers from now on. Error: the address cannot be had, or others could reach it and may not.
  static base::Result<std::unique_ptr<ControlServer>> start(Options options);
  ~ControlServer();

  const net::Address& address() const { return address_; }

  // Whether a Host header may be answered on loopback: an IP literal, `localhost` or a name under it; with or without
  // port.
  static bool isLocalName(std::string_view authority);

 private:
  explicit ControlServer(Options options) : options_(std::move(options)), loop_(options_.clock) {}
  void onRequest(http::Exchange& exchange) override;
  Answer answer(const http::RequestHead& head) const;
  void fireCron(http::Exchange& exchange);

  const Options options_;
  net::Loop loop_;
  net::Address address_;
  std::unique_ptr<ApiServer> api_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace weir::control
