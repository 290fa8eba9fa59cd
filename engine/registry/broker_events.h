// What the broker's plugin tells weir, one JSON object in a datagram, on the unix socket that weir
// binds (`plugin_opt_events_socket`). Sent without waiting: when weir does not listen or is slow,
// events are lost, and the next one's `lost` says how many; `table` is sent again until it is
// taken.
//
// event       members besides `at` (ms since 1970) and, after losses, `lost`
// table       generation, certificates: the status table of that generation is in force, and every
//             session that it bars has been dropped. weir waits for it after a change.
// connect     client, tenant, certificate (64 hex digits), address, protocol (3, 4, 5)
// disconnect  client, tenant, certificate, address, dropped (true: the plugin did it)
// refused     client, address, why, and certificate if there was one: a connection
// unregistered  der (base64): the certificate of a device that was refused, since it is not in the
//             table. TLS let it in: a CA of weir's has signed it.
//
//   {"event":"connect","at":1795531234567,"client":"pump-1","tenant":"acme","certificate":"…", …}
#ifndef WR_ENGINE_REGISTRY_BROKER_EVENTS_H
#define WR_ENGINE_REGISTRY_BROKER_EVENTS_H

// Bytes of a datagram: a client id of 65,535 characters with escapes would not fit; it is cut. A
// certificate has one or two thousand; one that does not fit is not told.
#define WR_BROKER_EVENT_MAX  16384
#define WR_BROKER_CLIENT_MAX 512

#endif
