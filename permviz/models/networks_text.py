"""Hugging Face's networks in small random configurations; depth and width do not matter here.

BERT-large has its own width and heads, in two of its 24 layers.
"""

import importlib
from typing import Any

import torch
from torch import nn

from permviz.models.networks import Build, Network, picture, words

SMALL: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
SHARED: dict[str, Any] = SMALL | {"num_key_value_heads": 2, "eos_token_id": 1, "bos_token_id": 2}
SEQUENCES: dict[str, Any] = {
    "vocab_size": 40,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 0,
}
BERT_LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
}
GPT: dict[str, Any] = {
    "vocab_size": 40,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
BLOOM: dict[str, Any] = {"vocab_size": 40, "hidden_size": 64, "n_layer": 2, "n_head": 4}
T5: dict[str, Any] = {
    "vocab_size": 40,
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 96,
    "num_layers": 2,
    "num_heads": 4,
}
WHISPER = SEQUENCES | {"num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 20}
VIT: dict[str, Any] = SMALL | {"image_size": 32, "patch_size": 8}
del VIT["vocab_size"]


def _language(config: str, model: str, settings: dict[str, Any]) -> Build:
    def build() -> tuple[nn.Module, object]:
        return _made(config, model, settings), {"input_ids": words()}

    return build


def _translation(config: str, model: str, settings: dict[str, Any]) -> Build:
    def build() -> tuple[nn.Module, object]:
        inputs = {"input_ids": words(), "decoder_input_ids": words(length=6)}
        return _made(config, model, settings), inputs

    return build


def _whisper() -> tuple[nn.Module, object]:
    heard = torch.randn(2, 16, 40, generator=torch.Generator().manual_seed(0))
    inputs = {"input_features": heard, "decoder_input_ids": words(length=6)}
    return _made("WhisperConfig", "WhisperForConditionalGeneration", WHISPER), inputs


def _vit() -> tuple[nn.Module, object]:
    return _made("ViTConfig", "ViTForImageClassification", VIT), {"pixel_values": picture(32, 2)}


def _made(config: str, model: str, settings: dict[str, Any]) -> nn.Module:
    library = importlib.import_module("transformers")
    return getattr(library, model)(getattr(library, config)(**settings))


MARIAN = SEQUENCES | {"max_position_embeddings": 32}
GATED = T5 | {"feed_forward_proj": "gated-gelu"}
LLAMA = SHARED | {"tie_word_embeddings": True}
MIXTRAL = SHARED | {"num_local_experts": 4}
EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
DEEPSEEK = (
    SMALL
    | EXPERTS
    | {
        "num_key_value_heads": 4,
        "q_lora_rank": 32,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 16,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
    }
)
QWEN = (
    SHARED
    | EXPERTS
    | {
        "head_dim": 16,
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "num_experts": 4,
        "shared_expert_intermediate_size": 32,
        "layer_types": ["linear_attention", "full_attention"],
    }
)
BAMBA = SHARED | {
    "mamba_n_heads": 8,
    "mamba_d_head": 16,
    "mamba_n_groups": 1,
    "mamba_d_state": 16,
    "mamba_chunk_size": 4,
    "attn_layer_indices": [1],
}

NETWORKS = tuple(
    Network(name, "transformers", build)
    for name, build in {
        "bert": _language("BertConfig", "BertForMaskedLM", SMALL),
        "bert_large (2 of 24 layers)": _language("BertConfig", "BertForMaskedLM", BERT_LARGE),
        "gpt2": _language("GPT2Config", "GPT2LMHeadModel", GPT),
        "llama (GQA, tied)": _language("LlamaConfig", "LlamaForCausalLM", LLAMA),
        "bloom": _language("BloomConfig", "BloomForCausalLM", BLOOM),
        "mixtral": _language("MixtralConfig", "MixtralForCausalLM", MIXTRAL),
        "deepseek_v3": _language("DeepseekV3Config", "DeepseekV3ForCausalLM", DEEPSEEK),
        "qwen3_next": _language("Qwen3NextConfig", "Qwen3NextForCausalLM", QWEN),
        "bamba (Mamba-2)": _language("BambaConfig", "BambaForCausalLM", BAMBA),
        "t5": _translation("T5Config", "T5ForConditionalGeneration", T5),
        "t5 (gated)": _translation("T5Config", "T5ForConditionalGeneration", GATED),
        "marian": _translation("MarianConfig", "MarianMTModel", MARIAN),
        "whisper": _whisper,
        "vit (transformers)": _vit,
    }.items()
)
