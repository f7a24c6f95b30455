// Profiles: where a Worker's start that took too long spent its time.
#include "control/api_table.h"

namespace weir::control {

namespace {

ApiResult startupProfile(ApiContext& context, const ApiRequest& request) {
  auto profile = context.parts.profiles.find(request.account(), request.script());
  if (!profile) {
    return ApiError{
        404, 10007, "There is no start-up profile of this Worker: one is kept when a start exceeds its CPU time.", {}};
  }
  ApiAnswer made;
  made.body = std::move(*profile);
  made.headers.emplace_back("content-disposition",
                            "attachment; filename=\"" + request.script() + "-startup.cpuprofile\"");
  return made;
}

}  // namespace

std::vector<Endpoint> profileEndpoints() {
  return {Endpoint{"GET", "accounts/:account/workers/scripts/:script/startup-profile",
                   "Download the CPU profile of the Worker's last start-up that failed", "raw", startupProfile}};
}

}  // namespace weir::control
