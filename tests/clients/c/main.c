/* The example of docs/src/guide/esp-idf.md, on this machine: reads a record of DIRECTORY and prints what it connects with. */
#include <string.h>

#include "example.c"

static const char *directory;

static esp_err_t read_entry(const char *key, void *value, size_t *size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, key);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return ESP_FAIL;
    }
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    esp_err_t err = ESP_OK;
    if (value != NULL) {
        err = *size >= length && fread(value, 1, length, file) == length ? ESP_OK : ESP_FAIL;
    }
    fclose(file);
    *size = length;
    return err;
}

esp_err_t nvs_flash_init(void)
{
    return ESP_OK;
}

esp_err_t nvs_open(const char *name, int mode, nvs_handle_t *handle)
{
    *handle = 1;
    return strcmp(name, "tbpki") == 0 && mode == NVS_READONLY ? ESP_OK : ESP_FAIL;
}

void nvs_close(nvs_handle_t handle)
{
    (void)handle;
}

esp_err_t nvs_get_u8(nvs_handle_t handle, const char *key, uint8_t *value)
{
    (void)handle;
    size_t size = sizeof *value;
    return read_entry(key, value, &size);
}

esp_err_t nvs_get_u16(nvs_handle_t handle, const char *key, uint16_t *value)
{
    (void)handle;
    size_t size = sizeof *value;
    return read_entry(key, value, &size);
}

esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *value, size_t *size)
{
    (void)handle;
    return read_entry(key, value, size);
}

esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *value, size_t *size)
{
    (void)handle;
    return read_entry(key, value, size);
}

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config)
{
    printf("broker %s:%u\n", config->broker.address.hostname, (unsigned)config->broker.address.port);
    if (config->credentials.username != NULL) {
        printf("token %s\n", config->credentials.username);
    } else {
        printf("certificate of %zu bytes, key of %zu\n", config->credentials.authentication.certificate_len,
               config->credentials.authentication.key_len);
    }
    return config;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 1;
    }
    directory = argv[1];
    struct enrolment enrolment = {0};
    if (connect_to_thingsboard(&enrolment) == NULL) {
        printf("no certificate yet: password %s\n", enrolment.password);
    }
    if (enrolment.host != NULL) {
        printf("enrolment %s:%u, label %s, %u days, anchors %s\n", enrolment.host, (unsigned)enrolment.port,
               enrolment.label, (unsigned)enrolment.renew_days, enrolment.anchors == NULL ? "of the broker" : "own");
    }
    return 0;
}
