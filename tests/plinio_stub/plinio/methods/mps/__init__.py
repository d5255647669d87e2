def get_default_qinfo(w_precision, a_precision):
    return {"bits": w_precision}
