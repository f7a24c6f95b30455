// The uploading of static assets, between what clients say and what the catalog keeps: sessions, their tokens, and what
// a version's metadata says of its assets.
//
// Threads: any; each call waits for the store.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assets/session_token.h"
#include "catalog/plan.h"
#include "control/api_context.h"
#include "control/api_request.h"

namespace weir::control {

// Of one request that uploads files: its content and how many.
inline constexpr uint64_t kBucketBytesMax = 10u << 20;
inline constexpr size_t kBucketFilesMax = 1'000;

// What a client has to upload, divided into requests; a file that is larger than a bucket has one of its own.
std::vector<std::vector<std::string>> bucketsOf(const std::vector<catalog::NamedAsset>& missing);

// Whom a session's token speaks for. The error is the same whatever is wrong with it.
ApiTry<catalog::AssetSession> openedBy(ApiContext& context, std::string_view account, std::string_view token,
                                       assets::SessionToken::Use use);
std::string tokenFor(ApiContext& context, const catalog::AssetSession& session, assets::SessionToken::Use use);

struct AssetsGiven {
  std::optional<catalog::VersionAssets> assets;  // nullopt: the version has none
  std::vector<std::string> problems;             // of lines of _headers and _redirects, which have no effect
};
// What an upload's metadata says of assets (`assets`, `keep_assets`). `before`: those of the newest version, if any.
ApiTry<AssetsGiven> readAssets(ApiContext& context, const std::string& account, const std::string& script,
                               const boost::json::object& metadata,
                               const std::optional<catalog::VersionAssets>& before);

}  // namespace weir::control
