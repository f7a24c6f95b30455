// Subrequest: one outbound request of an invocation, redirects included: a script's fetch() on the platform's side.
//
// Threads: its loop's. Owned by its invocation.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/client.h"
#include "wire/message.h"

namespace weir::edge {

class Invocation;

class Subrequest final : private http::CallEvents {
 public:
  Subrequest(Invocation& owner, uint32_t number) : owner_(owner), number_(number) {}

  // False: the request cannot be sent.
  bool start(const wire::Subrequest& effect);

  // Grants bytes of the response body.
  void readMore(uint64_t bytes);
  // The request body, in pieces.
  void upload(std::span<const std::byte> bytes);
  void uploadEnd();
  void cancel() { call_.reset(); }
  bool open() const { return call_ != nullptr; }

  bool piped = false;  // the body goes straight to the client
  bool uploadFromClient = false;
  bool ended = false;

 private:
  bool open(std::string url);
  void fail(wire::SubrequestFailure failure, std::string_view message);
  void giveUploadCredit();
  void respondInstead(uint16_t status, int code);

  void onHead(const http::ResponseHead& head) override;
  void onBody(std::span<const std::byte> bytes) override;
  void onEnd() override;
  void onError(const http::ClientError& error) override;
  void onDrained() override { giveUploadCredit(); }

  Invocation& owner_;
  const uint32_t number_;
  http::ClientRequest request_;
  std::string url_;
  wire::Redirect redirect_ = wire::Redirect::kFollow;
  int redirects_ = 0;
  bool headSent_ = false;
  bool uploadDone_ = false;
  uint32_t owed_ = 0;
  std::unique_ptr<http::ClientCall> call_;
};

}  // namespace weir::edge
