// Just-in-time registration and provisioning, as AWS IoT has them (control-plane.md 5, 6): a device
// whose certificate nobody has registered, but a registered CA with autoRegistrationStatus ENABLE
// has signed, is refused by the broker; its certificate becomes PENDING_ACTIVATION, and a message
// says so, on which a rule or a program makes it ACTIVE, or not. With a template in the CA's
// registrationConfig the device is provisioned by that (RegisterThing), and gets in when it comes
// again:
//
//   plugin ── "unregistered" with the certificate ──> writer: whose CA? insert ──> publish to
//   $aws/events/certificates/registered/<caCertificateId>, below the tenant's prefix where it has
//   one
//
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_AUTO_REGISTER_H
#define WR_ENGINE_ADMIN_AUTO_REGISTER_H

#include "engine/admin/api.h"
#include "sinks/sink.h"

// Certificates that are being looked at, at once; a device whose one is not comes again.
#define WR_AUTO_REGISTER_MAX 64

struct wr_auto_register {
    struct wr_api *api;
    // Publish to the broker of this name ("": the source's). As wr_brokers_publish().
    void (*publish)(void *user, const char *broker, const struct wr_publish *p);
    void *user;
    unsigned under_way_;
};

// wr_broker_on_unregistered(), with the struct as `user`. `der` is borrowed.
void wr_auto_register(void *with, const char *broker, wr_str der);

#endif
