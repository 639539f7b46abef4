/* The part of ESP-IDF's mqtt_client.h that the example uses. */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MQTT_TRANSPORT_OVER_SSL = 2 };

typedef struct {
    struct {
        struct {
            const char *hostname;
            uint32_t port;
            int transport;
        } address;
        struct {
            const char *certificate;
            size_t certificate_len;
            bool skip_cert_common_name_check;
        } verification;
    } broker;
    struct {
        const char *username;
        struct {
            const char *certificate;
            size_t certificate_len;
            const char *key;
            size_t key_len;
        } authentication;
    } credentials;
} esp_mqtt_client_config_t;

typedef const esp_mqtt_client_config_t *esp_mqtt_client_handle_t;
esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config);

#endif
