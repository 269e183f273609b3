# The platform in one image: services, built UI, Node only while building. A draft: the image holds
# the development tools too, and nothing publishes it.
FROM python:3.11-slim
WORKDIR /srv/scanhub
COPY . .
RUN python3 scripts/setup.py && rm -rf frontend/node_modules .tools /root/.cache \
 && useradd --system --no-create-home scanhub \
 && mkdir /data && chown scanhub /data && chmod 700 /data
USER scanhub
VOLUME /data
EXPOSE 8000
ENTRYPOINT [".venv/bin/scanhub"]
CMD ["serve", "--host", "0.0.0.0", "--data-dir", "/data"]
