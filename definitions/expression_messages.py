"""The messages in which the expression engine hands out its syntax trees."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def parsed_expression(serialized: bytes) -> Any:
    """The `cel.expr.ParsedExpr` that the engine serialized inside an `Any`."""
    return _MESSAGES["ParsedExpr"].FromString(_MESSAGES["Any"].FromString(serialized).value)


_FIELDS: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "Any": {"value": (2, "bytes")},
    "ParsedExpr": {"expr": (2, "Expr"), "source_info": (3, "SourceInfo")},
    "SourceInfo": {"positions": (4, "Position*")},
    "Position": {"key": (1, "int64"), "value": (2, "int32")},
    "Expr": {
        "id": (2, "int64"),
        "const_expr": (3, "Constant?"),
        "ident_expr": (4, "Ident?"),
        "select_expr": (5, "Select?"),
        "call_expr": (6, "Call?"),
        "list_expr": (7, "List?"),
        "struct_expr": (8, "Struct?"),
        "comprehension_expr": (9, "Comprehension?"),
    },
    "Constant": {
        "null_value": (1, "int64?"),
        "bool_value": (2, "bool?"),
        "int64_value": (3, "int64?"),
        "uint64_value": (4, "uint64?"),
        "double_value": (5, "double?"),
        "string_value": (6, "string?"),
        "bytes_value": (7, "bytes?"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "Expr"), "field": (2, "string"), "test_only": (3, "bool")},
    "Call": {"target": (1, "Expr"), "function": (2, "string"), "args": (3, "Expr*")},
    "List": {"elements": (1, "Expr*")},
    "Struct": {"message_name": (1, "string"), "entries": (2, "Entry*")},
    "Entry": {"map_key": (3, "Expr"), "value": (4, "Expr")},
    "Comprehension": {
        "iter_var": (1, "string"),
        "iter_range": (2, "Expr"),
        "accu_init": (4, "Expr"),
        "loop_step": (6, "Expr"),
    },
}
"""What is read of `cel/expr/syntax.proto`: number and type; `*` repeats, `?` is one of a message's kinds."""


def _message_classes() -> Mapping[str, Any]:
    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="opsloop/cel.proto", package="opsloop.cel")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        if any(kind.endswith("?") for _, kind in fields.values()):
            message.oneof_decl.add(name="kind")
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            field.label = proto.LABEL_REPEATED if kind.endswith("*") else proto.LABEL_OPTIONAL
            if kind.endswith("?"):
                field.oneof_index = 0
            plain = kind.rstrip("*?")
            if plain in _FIELDS:
                field.type = proto.TYPE_MESSAGE
                field.type_name = f".opsloop.cel.{plain}"
            else:
                field.type = getattr(proto, f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"opsloop.cel.{name}"))
        for name in _FIELDS
    }


_MESSAGES: Final = _message_classes()
