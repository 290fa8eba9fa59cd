// What each function takes and gives, for facts.c: sql.md 11 as sets.
#include "sql/lint/fact.h"

#include "sql/base/banned.h"

#define U       WR_CAN_UNDEFINED
#define NUMBER  WR_CAN_NUMBER
#define INT     WR_CAN_INT
#define STRING  WR_CAN_STRING
#define BOOLEAN WR_CAN_BOOLEAN
#define ANY     WR_CAN_PAYLOAD

static const struct wr_fact_function functions[] = {
    // sql.md 11.1
    {"abs", "D", NUMBER, false},
    {"ceil", "D", NUMBER, false},
    {"floor", "D", NUMBER, false},
    {"round", "D", NUMBER, false},
    {"sign", "D", INT, false},
    {"trunc", "DN", NUMBER, false},
    {"mod", "D", NUMBER | U, false},
    {"remainder", "D", NUMBER | U, false},
    {"power", "D", NUMBER | U, false},
    {"sqrt", "D", NUMBER | U, false},
    {"exp", "D", NUMBER | U, false},
    {"ln", "D", NUMBER | U, false},
    {"log", "D", NUMBER | U, false},
    {"sin", "D", NUMBER | U, false},
    {"cos", "D", NUMBER | U, false},
    {"tan", "D", NUMBER | U, false},
    {"asin", "D", NUMBER | U, false},
    {"acos", "D", NUMBER | U, false},
    {"atan", "D", NUMBER | U, false},
    {"atan2", "D", NUMBER | U, false},
    {"sinh", "D", NUMBER | U, false},
    {"cosh", "D", NUMBER | U, false},
    {"tanh", "D", NUMBER | U, false},
    {"bitand", "D", NUMBER | U, false},
    {"bitor", "D", NUMBER | U, false},
    {"bitxor", "D", NUMBER | U, false},
    {"bitnot", "D", NUMBER | U, false},
    {"rand", "A", NUMBER, false},
    // sql.md 11.2
    {"length", "S", INT, false},
    {"numbytes", "S", INT, false},
    {"indexof", "S", INT, false},
    {"lower", "S", STRING, true},
    {"upper", "S", STRING, false},
    {"ltrim", "S", STRING, false},
    {"rtrim", "S", STRING, false},
    {"trim", "S", STRING, false},
    {"lpad", "SD", STRING, false},
    {"rpad", "SD", STRING, false},
    {"startswith", "S", BOOLEAN, false},
    {"endswith", "S", BOOLEAN, false},
    {"replace", "S", STRING | U, false},
    {"substring", "SD", STRING, false},
    {"chr", "D", STRING | U, false},
    {"regexp_matches", "S", BOOLEAN | U, false},
    {"regexp_substr", "S", STRING | U, false},
    {"regexp_replace", "S", STRING | U, false},
    {"md2", "S", STRING, true},
    {"md5", "S", STRING, true},
    {"sha1", "S", STRING, true},
    {"sha224", "S", STRING, true},
    {"sha256", "S", STRING, true},
    {"sha384", "S", STRING, true},
    {"sha512", "S", STRING, true},
    // sql.md 11.3
    {"transform", "SAA", WR_CAN_ARRAY | U, false},
    {"encode", "PS", STRING | U, false},
    // sql.md 11.4
    {"timestamp", "A", INT, false},
    {"parse_time", "SDS", STRING | U, false},
    {"time_to_epoch", "S", INT | U, false},
    // sql.md 11.5
    {"topic", "D", STRING | U, false},
    {"clientid", "A", STRING, false},
    {"principal", "A", STRING | U, false},
    {"traceid", "A", STRING | U, false},
    {"sourceip", "A", STRING | U, false},
    {"accountid", "A", STRING | U, false},
    {"sql_version", "A", STRING, false},
    {"newuuid", "A", STRING, true},
    {"get_mqtt_property", "S", STRING | U, false},
    {"get_user_properties", "S", WR_CAN_ARRAY | U, false},
    // sql.md 11.6
    {"aws_lambda", "A", ANY, false},
    {"get_dynamodb", "A", ANY, false},
    {"get_thing_shadow", "A", ANY, false},
    {"get_secret", "A", ANY, false},
    {"get_registry_data", "A", ANY, false},
    {"machinelearning_predict", "A", ANY, false},
};

const struct wr_fact_function *wr_fact_function_find(const struct wr_function *f)
{
    for (size_t i = 0; i < WR_COUNT(functions); i++) {
        if (strcmp(functions[i].name, f->name) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

char wr_fact_letter(const struct wr_fact_function *f, uint32_t i)
{
    size_t len = strlen(f->arguments);
    return f->arguments[i < len ? i : len - 1];
}

uint16_t wr_fact_wanted(char letter)
{
    switch (letter) {
    case 'D':
        return WR_CAN_COUNT;
    case 'N':
        return WR_CAN_NUMBER;
    case 'S':
        return WR_CAN_SPELL;
    case 'P':
        return WR_CAN_SPELL | WR_CAN_RAW;
    default:
        return WR_CAN_ALL;
    }
}
